#!/bin/sh
# Puts an archive of synch-pack.sh back, into an Asterisk without the module: synch-put-back.sh ARCHIVE ETC VAR USER GROUP SETTINGS FILES
# CLI… With SETTINGS yes, res_synch.conf too; with FILES yes, Asterisk's own files too.
set -eu
umask 077
archive=$1 etc=$2 var=$3 user=$4 group=$5 settings=$6 files=$7
shift 7
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$work" -xzf "$archive"

# place FILE MODE: whole or not at all.
place() {
    install -o "$user" -g "$group" -m "$2" "$work/etc/$1" "$etc/.$1.new"
    mv -f "$etc/.$1.new" "$etc/$1"
}
for path in "$work"/etc/*; do
    file=${path##*/}
    [ -f "$path" ] || continue
    case $file in
        res_synch.conf) if [ "$settings" = yes ]; then place "$file" 640; fi ;;
        *_synch.conf) place "$file" 600 ;;
        *) if [ "$files" = yes ]; then place "$file" 640; fi ;;
    esac
done
# Users that came after the archive are not left.
for file in pjsip_synch.conf sip_synch.conf voicemail_synch.conf; do
    if [ ! -e "$work/etc/$file" ]; then rm -f "$etc/$file"; fi
done

rm -rf "$var/.synch.new"
if [ -d "$work/var/synch" ]; then
    cp -a "$work/var/synch" "$var/.synch.new"
    chown -R "$user:$group" "$var/.synch.new"
fi
rm -rf "$var/synch"
if [ -d "$var/.synch.new" ]; then mv "$var/.synch.new" "$var/synch"; fi

"$@" "database deltree synch" >/dev/null
# What people have set is put back where it was the main's, by what synch says of each number.
sed -n 's/^\/synch\/call_settings\/\([^ ]*\) *: *\([^ ]*\) *$/\1 \2/p' "$work/database" |
    while read -r number families; do
        echo "$families" | tr ',' '\n' | sed "s/.*/\/&\/$number/"
    done >"$work/ours"
sed -n 's/^\(\/[^ ]*\) *: \(.*[^ ]\) *$/\1 \2/p' "$work/database" |
    while read -r key value; do
        case $key in
            /synch/*) ;;
            *) grep -qxF "$key" "$work/ours" || continue ;;
        esac
        family=${key#/}
        value=$(printf '%s' "$value" | sed 's/[\\"]/\\&/g')
        "$@" "database put ${family%%/*} ${family#*/} \"$value\"" >/dev/null </dev/null
    done
