#!/bin/sh
# Makes the secrets that can be made, and says which must be written by hand.  Changes none that is there.
#
#   ./secrets.sh [folder]      the folder of compose.yaml's secrets; ./secrets without
#
# The folder is closed to other users of this host.  The files in it are readable, because a
# container reads them under its own user's number: postgres, redis and ours are three.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

made() { printf '%s' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"; }
keep() { [ -s "$folder/$1" ] || { printf '%s\n' "$2" > "$folder/$1"; echo "made $1"; }; chmod 444 "$folder/$1"; }

keep postgres_password "$(made)"
keep redis_password "$(made)"
keep database_url "postgresql://sync:$(cat "$folder/postgres_password")@postgres:5432/sync"
keep redis_url "redis://:$(cat "$folder/redis_password")@redis:6379/0"
keep flower_basic_auth "admin:$(made)"
keep webhook_secret "$(made)"
# Empty is an answer: nothing is reported to Sentry, no event is tracked.
for name in sentry_dsn ac_event_key; do
  [ -e "$folder/$name" ] || : > "$folder/$name"
  chmod 444 "$folder/$name"
done

lacking=
for name in ctp_client_id ctp_client_secret ac_api_token; do
  [ -s "$folder/$name" ] && chmod 444 "$folder/$name" || lacking="$lacking $name"
done
[ -z "$lacking" ] || { echo "write by hand, one value a file:$lacking" >&2; exit 1; }
