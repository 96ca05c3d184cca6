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
    minus "$_lists/locked" "$_lists/left" | xargs -0 -r chmod u+rwx --
}

# drop_new_rules: a .gitignore made since then must not protect other new files.
drop_new_rules() {
    find_all -name .gitignore ! -type d >"$_lists/rules"
    ignored "$_lists/rules" >"$_lists/left" || return
    cat "$_lists/left" "$_lists/then" >"$_lists/stay"
    minus "$_lists/rules" "$_lists/stay" | xargs -0 -r rm -f --
}

# blobs KIND: the lists of modes of files (f) or folders (d), the widest first.
blobs() { git ls-tree --name-only "$_ref:modes" | grep "^$1" | sort -r; }

recorded_folders() { for _blob in $(blobs d); do git cat-file blob "$_ref:modes/$_blob"; done; }

# A folder made since then goes with its `.git`.
drop_new_folders() {
    # shellcheck disable=SC2016 # for the inner shell
    minus "$_lists/folders" "$_lists/recorded" | sort -zr |
        xargs -0 -r sh -c 'for folder; do rm -rf -- "$folder/.git"; rmdir -- "$folder"; done' sh
}

make_folders() {
    # shellcheck disable=SC2016
    minus "$_lists/recorded" "$_lists/every" |
        xargs -0 -r sh -c '
            for folder; do
                if [ -L "$folder" ] || [ ! -d "$folder" ]; then rm -f -- "$folder"; fi
                mkdir -p -- "$folder"
            done' sh
}

set_modes() {
    for _blob in $(blobs f) $(blobs d); do
        _mode=${_blob#?}
        git cat-file blob "$_ref:modes/$_blob" >"$_lists/wanted"
        with_mode "${_blob%"$_mode"}" "$_mode" >"$_lists/found"
        minus "$_lists/wanted" "$_lists/found" | xargs -0 -r chmod "$_mode" --
    done
}

restore() {
    unlock || return
    git read-tree -i -m "$_ref:files" && git checkout-index -u -f -q -a || return
    indexed >"$_lists/then"
    drop_new_rules && scan || return
    minus "$_lists/files" "$_lists/then" | xargs -0 -r rm -f -- || return
    recorded_folders >"$_lists/recorded"
    drop_new_folders
    make_folders && set_modes
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
