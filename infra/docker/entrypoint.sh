#!/bin/sh
# entrypoint.sh COMMAND: of the image `prefect`.
set -eu
# Compose can only set what it does not leave out, and Prefect would ask everybody for an empty password.
[ -n "${PREFECT_SERVER_API_AUTH_STRING:-}" ] || unset PREFECT_SERVER_API_AUTH_STRING
[ -n "${PREFECT_API_AUTH_STRING:-}" ] || unset PREFECT_API_AUTH_STRING
# Not in the environment of the container, which everything that may look at containers reads.
if [ -n "${AIRNUB_DATABASE_PASSWORD_FILE:-}" ]; then
    [ -s "$AIRNUB_DATABASE_PASSWORD_FILE" ] || {
        echo "AIRNUB_DATABASE_PASSWORD_FILE: expected the password of the database in $AIRNUB_DATABASE_PASSWORD_FILE, found" \
            "none; the service postgres writes it: docker compose up --detach --no-deps --wait postgres" >&2
        exit 1
    }
    PREFECT_SERVER_DATABASE_PASSWORD=$(cat "$AIRNUB_DATABASE_PASSWORD_FILE")
    export PREFECT_SERVER_DATABASE_PASSWORD
fi
# A server that was away has heard no heartbeat: the automations that wait for one begin to wait again. Where the database
# does not answer, the server says so itself.
case "$*" in "prefect server start"*) [ -z "${PREFECT_SERVER_DATABASE_HOST:-}" ] || python -m airnub_prefect.server_database move-windows || true ;; esac
[ "$(id -u)" = 0 ] || exec "$@"
# Root only to look up whose group the Docker socket is, whatever its number on this host: COMMAND runs as the user airnub,
# in that group, with no way back.
group=$(stat -c %g /var/run/docker.sock)
exec setpriv --reuid=airnub --regid=airnub --groups="$group" --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
