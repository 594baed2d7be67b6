#!/bin/sh
# harden.sh: removes pip, apt and all setuid bits from a complete image.
set -eu
find /usr -xdev \( -path '*/bin/pip*' -o -path '*-packages/pip' -o -path '*-packages/pip-*.dist-info' -o -name ensurepip \) \
    -prune -exec rm -rf {} +
# With dpkg, so that its package list, which scanners read, stays correct.
dpkg --purge --force-depends --force-remove-essential --force-remove-protected apt
rm -rf /etc/apt /usr/lib/apt /var/lib/apt /var/cache/apt /var/log/apt
find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
