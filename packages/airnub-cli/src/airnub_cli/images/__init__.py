"""Images: one for each department, and `prefect` for the server and the workers; named by what goes into them.

image     which there are, and what each is built from
inputs    what goes into one, each part with a digest of its own
digest    all parts as one digest, which is its tag everywhere but in `local`
bake      what `docker buildx bake` is told
engine    what exists, and building
building  what is built, and why
command   `airnub images`
"""
