# shellcheck shell=sh
# diff: what has changed under the root since a checkpoint, as a patch.
# In: those of store.sh; _ID; _BYTES (of the largest patch that is sent).

. ../../_remote/frame.sh
. ./store.sh

differences() { git diff-tree -r -M "$@" "$_ref:files" "$_tree"; }

begin
enter_store
find_reference "$_ID"
record
differences -p --binary --no-ext-diff --no-textconv --no-color >"$_lists/patch" ||
    fail space
_size=$(($(wc -c <"$_lists/patch")))
put size "$_size"
[ "$_size" -le "$_BYTES" ] || fail large
put_bytes patch <"$_lists/patch"
differences --name-only -z | put_bytes paths
rm -f "$_lists/patch"
end
