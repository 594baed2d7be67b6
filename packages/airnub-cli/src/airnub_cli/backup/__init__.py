"""`airnub backup` and `airnub restore`: copy the whole system to a folder or a bucket, and back.

vault      the folder or bucket of backups: contents by digest, and a manifest per backup, written last
data_root  a data root as a stream of files, in an order that is consistent with runs in flight, and back
systems    the system of Compose, and that of `airnub dev`
copying    one backup
restore    one restore, and its verification
command    `airnub backup` and `airnub restore`
"""
