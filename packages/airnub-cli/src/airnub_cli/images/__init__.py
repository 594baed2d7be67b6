"""`airnub images`: build an image per department and one for the server and workers, named by content digest.

image          all images; their inputs with digests; the content digest, which is the tag except in `local`
docker_engine  existing images, builds, and digests of base images
build          images to build, with reasons; the definition for `docker buildx bake`
command        `airnub images`
"""
