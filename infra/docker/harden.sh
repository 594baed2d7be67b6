#!/bin/sh
# harden.sh: of an image that is complete. Nothing in it installs packages, and no file gives its caller more rights.
set -eu
find /usr -xdev \( -path '*/bin/pip*' -o -path '*-packages/pip' -o -path '*-packages/pip-*.dist-info' -o -name ensurepip \) \
    -prune -exec rm -rf {} +
# By dpkg, so that what scanners read of packages stays true.
dpkg --purge --force-depends --force-remove-essential --force-remove-protected apt
rm -rf /etc/apt /usr/lib/apt /var/lib/apt /var/cache/apt /var/log/apt
find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
