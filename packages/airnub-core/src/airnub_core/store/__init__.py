"""The content store: objects by digest, their manifests, and the index of what is known about each URL.

protocol          what a store does, wherever it is
location          where a store is
factory           opens a store with its index and the staging folder of a process, in which bytes arrive
layout            paths and names of objects, manifests and sources
objects           the store in a folder
bucket_store      the store in object storage, over `bucket`
reader            reading and checking objects, the same for both
manifest          where bytes came from
stager            hashes a body and writes it into a staging folder, with its manifest
write_ahead_log   small bodies, appended before they are published
durability        one sync for a batch; the sync that is left to the next run
recovery          publishes what a killed process left
partials          partial downloads that can be resumed
withdrawal        a withdrawn URL, as a file and in the index
fsck              `verify`: every object hashed again
gc                garbage collection: what no manifest refers to
clock             the time of the index
index             what is known of each URL, in SQLite or PostgreSQL
"""
