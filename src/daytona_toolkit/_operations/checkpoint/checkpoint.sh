# shellcheck shell=sh
# checkpoint: record the root. The name of the commit's reference comes from the request, so
# a copy of the request finds it.
# In: those of store.sh and once.sh; _LABEL (in base64, or -); _INCLUDE_IGNORED (yes or no); _KEPT
#     (how many stay).

. ../../_remote/frame.sh
. ../../_remote/once.sh
. ./store.sh

# forget_oldest: remove the oldest checkpoints, and what only they had. git looks at everything for
# that, so it is done only when there are a tenth too many.
forget_oldest() {
    [ "$_total" -gt $((_KEPT + _KEPT / 10)) ] || return 0
    git for-each-ref --format='%(contents:subject) %(refname)' refs/checkpoints | sort -rn |
        tail -n "+$((_KEPT + 1))" | sed 's/.* /delete /' | git update-ref --stdin
    # It keeps the lock: what another checkpoint is writing belongs to no commit yet.
    git prune --expire=now >/dev/null &
}

begin
is_fresh || fail "$_late"
enter_store
_id=$(printf %s "${_SESSION##*/}.$_NUMBER" | sha256sum | cut -c 1-12)
if ! git rev-parse -q --verify "refs/checkpoints/$_id" >/dev/null; then
    is_fresh || fail "$_late"
    _ignored=${_INCLUDE_IGNORED#no}
    record
    { list_modes f "$_lists/files" && list_modes d "$_lists/folders"; } >"$_lists/modes" || quit
    _modes=$(git mktree <"$_lists/modes")
    _whole=$(printf '040000 tree %s\t%s\n' "$_tree" files "$_modes" modes | git mktree)
    # shellcheck disable=SC2046 # numbers
    set -- $(git for-each-ref --format='%(contents:subject)' refs/checkpoints |
        cut -d ' ' -f 1 | sort -rn)
    _order=$((${1-0} + 1)) _total=$(($# + 1))
    _count=$(($(tr -cd '\000' <"$_lists/files" | wc -c)))
    _why=$({ _commit=$(echo "$_order $(date +%s) $_count $_INCLUDE_IGNORED $_LABEL" |
        git commit-tree "$_whole") && git update-ref "refs/checkpoints/$_id" "$_commit"; } 2>&1) ||
        fail_git "$_why"
    forget_oldest
fi
put_checkpoints "refs/checkpoints/$_id"
tidy
end
