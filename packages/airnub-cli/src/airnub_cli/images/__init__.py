"""Images: one for each department, and `prefect` for the server and the workers; named by what goes into them.

image     which there are, and what each is built from
bases     the images of others that they are built on, and what their names stand for
inputs    what goes into one, each part with a digest of its own
digest    all parts as one digest, which is its tag everywhere but in `local`
bake      what `docker buildx bake` is told
engine    what exists, and building
building  what is built, and why
command   `airnub images`
"""
