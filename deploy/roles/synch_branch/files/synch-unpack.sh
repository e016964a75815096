#!/bin/sh
# Puts the module of a package into the folders of an Asterisk that is in no package: PACKAGE MODULES DATA NOTE VERSION.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb --extract "$1" "$work"
module=$(find "$work/usr/lib" -name res_synch.so)
# A new file and a rename: Asterisk may have the old one mapped, and writing into that would crash it.
install -m 755 "$module" "$2/.res_synch.so.new"
mv -f "$2/.res_synch.so.new" "$2/res_synch.so"
install -D -m 644 -t "$3/documentation/thirdparty" "$work/usr/share/asterisk/documentation/thirdparty/res_synch-en_US.xml"
echo "$5" >"$4"
