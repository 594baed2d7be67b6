"""`airnub backup` and `airnub restore`: the whole system to a folder or a bucket, and back.

backup_manifest  what a backup consists of; `BackupError`
vault            where backups are: contents by digest, each once, and a manifest for each backup, written last
data_root        a data root as a stream of files, in an order that is consistent with runs in flight, and back
systems          what is backed up: the system of Compose, or that of `airnub dev`
copying          one backup
restore          one restore, and what is verified after it
command          `airnub backup` and `airnub restore`
"""
