"""The content store: objects by digest, their manifests, and the index of what is known about each URL."""
