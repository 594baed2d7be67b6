"""The content store: objects by digest, their manifests, and the index of URLs.

base              `Store`: the methods of a store; reading and validating objects, shared by all kinds
location          where a store is
factory           opens a store with its index and the staging folder of a process
layout            paths and names of objects, manifests and sources
objects           a store in a folder
bucket_store      a store in object storage, based on `bucket`
manifest          the origin of the bytes of an object
staging_folder    the locked folder of a process in which bodies are staged
stager            hashes a body and writes it into a staging folder, with its manifest
write_ahead_log   a log of small bodies, written before they are published
durability        one sync per batch; a sync deferred to the next run
recovery          publishes complete bodies of a killed process
partials          partial downloads that can be resumed
withdrawal        withdrawn URLs, as files in the store and in the index
fsck              `verify`: hashes all objects again
gc                garbage collection of files that no manifest refers to
clock             the clock of the index
index             the state of each URL, in SQLite or PostgreSQL
"""
