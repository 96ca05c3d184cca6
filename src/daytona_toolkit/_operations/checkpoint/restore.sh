# shellcheck shell=sh
# restore: make the root what it was at a checkpoint.
#
# Each step looks at what is there and makes it more like the checkpoint, so a restore that
# was interrupted can be repeated.
#
# What a .gitignore of the checkpoint ignores was not recorded, so it stays.
# In: those of store.sh and once.sh; _ID.

. ../../_remote/frame.sh
. ../../_remote/once.sh
. ./store.sh

# unlock: folders that we may not change, for now; their modes come back at the end.
unlock() {
    find_all -type d ! -perm -700 2>/dev/null >"$_lists/locked"
    [ -s "$_lists/locked" ] || return 0
    ignored "$_lists/locked" >"$_lists/left" || return
    minus "$_lists/locked" "$_lists/left" >"$_lists/some" &&
        xargs -0 -r chmod u+rwx -- <"$_lists/some"
}

# drop_new_rules: a .gitignore made since then must not protect other new files.
drop_new_rules() {
    find_all -name .gitignore ! -type d >"$_lists/rules"
    ignored "$_lists/rules" >"$_lists/left" || return
    cat "$_lists/left" "$_lists/then" >"$_lists/stay" &&
        minus "$_lists/rules" "$_lists/stay" >"$_lists/some" &&
        xargs -0 -r rm -f -- <"$_lists/some"
}

# list_blobs: the lists of modes, the widest first, those of files (f) before those of folders (d).
list_blobs() {
    git ls-tree --name-only "$_ref:modes" >"$_lists/raw" &&
        sort -r "$_lists/raw" >"$_lists/blobs"
}

recorded_folders() {
    while read -r _blob; do
        case $_blob in d*) git cat-file blob "$_ref:modes/$_blob" || return ;; esac
    done <"$_lists/blobs"
}

# A folder made since then goes with its `.git`.
drop_new_folders() {
    minus "$_lists/folders" "$_lists/recorded" >"$_lists/some" &&
        sort -zro "$_lists/some" "$_lists/some" || return
    # shellcheck disable=SC2016 # for the inner shell
    xargs -0 -r sh -c 'for folder; do rm -rf -- "$folder/.git"; rmdir -- "$folder"; done' sh \
        <"$_lists/some"
    [ $? -le 123 ] # 123: one is not empty
}

make_folders() {
    minus "$_lists/recorded" "$_lists/every" >"$_lists/some" || return
    # shellcheck disable=SC2016
    xargs -0 -r sh -c '
        for folder; do
            if [ -L "$folder" ] || [ ! -d "$folder" ]; then rm -f -- "$folder"; fi
            mkdir -p -- "$folder"
        done' sh <"$_lists/some"
}

set_modes() {
    while read -r _blob; do
        _mode=${_blob#?}
        git cat-file blob "$_ref:modes/$_blob" >"$_lists/wanted" || return
        with_mode "${_blob%"$_mode"}" "$_mode" >"$_lists/found"
        minus "$_lists/wanted" "$_lists/found" >"$_lists/some" || return
        xargs -0 -r chmod "$_mode" -- <"$_lists/some"
        [ $? -le 123 ] || return # 123: it may not be changed
    done <"$_lists/blobs"
}

restore() {
    unlock || return
    git read-tree -i -m "$_ref:files" && git checkout-index -u -f -q -a || return
    indexed >"$_lists/then" || return
    drop_new_rules && scan || return
    minus "$_lists/files" "$_lists/then" >"$_lists/some" &&
        xargs -0 -r rm -f -- <"$_lists/some" || return
    list_blobs && recorded_folders >"$_lists/recorded" || return
    drop_new_folders && make_folders && set_modes
}

begin
is_fresh || fail "$_late"
enter_store
_mark=$_SESSION/done.$_NUMBER
if [ ! -e "$_mark" ]; then
    is_fresh || fail "$_late"
    find_reference "$_ID"
    refuse_pipes
    _why=$(restore 2>&1) || fail_git "$_why"
    true >"$_mark"
fi
put_checkpoints "refs/checkpoints/$_ID"
tidy
end
