#!/bin/sh
# What is there, as JSON, in one go: each question of Ansible's own costs a second of Python. Changes nothing.
#   synch-look.sh PACKAGE WORK ETC DROP_IN CLI...
set -eu
package=$1 work=$2 etc=$3 drop_in=$4
shift 4
# What is put between quotes has none of its own, and no backslash.
word() { tr -d '"\\[:cntrl:]'; }

architecture=$(dpkg --print-architecture)
status=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$package" 2>/dev/null) || status=
unpacked=$(head -n 1 "$work/unpacked" 2>/dev/null | word)
waits=
for note in reload restart unit; do
    [ ! -e "$work/$note" ] || waits="$waits${waits:+, }\"$note\""
done
first_port=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null) || first_port=0
runuser=$(grep -E '^[[:space:]]*runuser[[:space:]]*=' "$etc/asterisk.conf" 2>/dev/null | head -n 1 | word)
has_drop_in=false
[ ! -e "$drop_in" ] || has_drop_in=true
runs=false says=
if says=$("$@" 'synch show status json' 2>/dev/null); then runs=true; fi
# Where the module is not loaded, there is no such command.
case $says in '['*) ;; *) says='[]' ;; esac
cat <<END
{"architecture": "$architecture", "package": "$status", "unpacked": "$unpacked", "waits": [$waits],
 "first_port": $first_port, "runuser": "$runuser", "drop_in": $has_drop_in, "runs": $runs, "says": $says}
END
