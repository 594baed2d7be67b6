"""`airnub images`: one for each department, and `prefect` for the server and the workers; named by their inputs.

image          which there are; inputs with a digest each; the digest of all, which is the tag everywhere but in `local`
docker_engine  which images exist, building them, and what the names of base images stand for
build          what is built, and why; the definition for `docker buildx bake`
command        `airnub images`
"""
