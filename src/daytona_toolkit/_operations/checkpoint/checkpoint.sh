# shellcheck shell=sh
# checkpoint: record the root. The name of the commit's reference comes from the request, so
# a copy of the request finds it.
# In: those of store.sh and once.sh; _LABEL (in base64, or -); _INCLUDE_IGNORED (yes or no).

. ../../_remote/frame.sh
. ../../_remote/once.sh
. ./store.sh

begin
is_fresh || fail "$_late"
enter_store
_id=$(printf %s "${_SESSION##*/}.$_NUMBER" | sha256sum | cut -c 1-12)
if ! git rev-parse -q --verify "refs/checkpoints/$_id" >/dev/null; then
    is_fresh || fail "$_late"
    _ignored=${_INCLUDE_IGNORED#no}
    record
    _modes=$({
        list_modes f "$_lists/files"
        list_modes d "$_lists/folders"
    } | git mktree)
    _whole=$(printf '040000 tree %s\t%s\n' "$_tree" files "$_modes" modes | git mktree)
    _order=$(($(git for-each-ref refs/checkpoints | wc -l) + 1))
    _count=$(($(tr -cd '\000' <"$_lists/files" | wc -c)))
    _why=$({ _commit=$(echo "$_order $(date +%s) $_count $_INCLUDE_IGNORED $_LABEL" |
        git commit-tree "$_whole") && git update-ref "refs/checkpoints/$_id" "$_commit"; } 2>&1) ||
        fail_git "$_why"
fi
put_checkpoints "refs/checkpoints/$_id"
tidy
end
