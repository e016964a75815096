#!/bin/sh
# Packs what this branch would need once more: synch-pack.sh TO ETC VAR FILES CLI…
# etc/ and var/ of it are of ETC and VAR; `database` has the words of Asterisk's database. FILES are patterns.
set -eu
umask 077
to=$1 etc=$2 var=$3 files=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/etc" "$work/var"

cd "$etc"
# shellcheck disable=SC2086 # patterns
for file in res_synch.conf pjsip_synch.conf sip_synch.conf voicemail_synch.conf $files; do
    if [ -f "$file" ]; then cp -p "$file" "$work/etc/"; fi
done
if [ -d "$var/synch" ]; then cp -a "$var/synch" "$work/var/"; fi
# An Asterisk that does not run says nothing, and a family that is empty has no line.
for family in synch CF CFB CFU DND CW; do
    "$@" "database show $family" 2>/dev/null | sed -n '/^\/[^ ]* *: /p' || true
done >"$work/database"
tar -C "$work" -czf "$to.new" etc var database
mv "$to.new" "$to"
