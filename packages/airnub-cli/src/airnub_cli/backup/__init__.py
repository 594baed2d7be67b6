"""`airnub backup` and `airnub restore`: the whole system to a folder or a bucket, and back.

manifest  what a backup consists of
vault     where backups are: contents by digest, each once, and a manifest for each backup, written last
tree      a data root as a stream of files in an order that is consistent with runs in flight; written again from one
agent     the same in a container that has the volume of the data
systems   what is backed up: the system of Compose, or that of `airnub dev`
copying   one backup
restoring one restore, and what is verified after it
errors    what can go wrong
command   arguments in, lines out
"""
