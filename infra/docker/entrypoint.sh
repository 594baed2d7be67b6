#!/bin/sh
# entrypoint.sh COMMAND: the entrypoint of the image `prefect`.
set -eu
# Compose cannot omit a variable, and with an empty one Prefect would require an empty password.
[ -n "${PREFECT_SERVER_API_AUTH_STRING:-}" ] || unset PREFECT_SERVER_API_AUTH_STRING
[ -n "${PREFECT_API_AUTH_STRING:-}" ] || unset PREFECT_API_AUTH_STRING
# The password is not in the container's environment, which every client that can inspect containers can read.
if [ -n "${AIRNUB_DATABASE_PASSWORD_FILE:-}" ]; then
    [ -s "$AIRNUB_DATABASE_PASSWORD_FILE" ] || {
        echo "AIRNUB_DATABASE_PASSWORD_FILE: expected the password of the database in $AIRNUB_DATABASE_PASSWORD_FILE, found" \
            "none; the service postgres writes it: docker compose up --detach --no-deps --wait postgres" >&2
        exit 1
    }
    PREFECT_SERVER_DATABASE_PASSWORD=$(cat "$AIRNUB_DATABASE_PASSWORD_FILE")
    export PREFECT_SERVER_DATABASE_PASSWORD
fi
# A server that was down received no heartbeats, so the windows of automations that wait for them are restarted. If the
# database does not respond, the server reports it.
case "$*" in "prefect server start"*) [ -z "${PREFECT_SERVER_DATABASE_HOST:-}" ] || python -m airnub_prefect.server_database move-windows || true ;; esac
[ "$(id -u)" = 0 ] || exec "$@"
# Root only to look up the group of the Docker socket, whose number differs between hosts: COMMAND runs as the user airnub in
# that group, and cannot become root again.
group=$(stat -c %g /var/run/docker.sock)
exec setpriv --reuid=airnub --regid=airnub --groups="$group" --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
