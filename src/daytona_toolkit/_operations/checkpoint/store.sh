# shellcheck shell=sh
# The store of checkpoints: a git repository of our own, whose work tree is the root.
#
# git is used below `git add`, which takes a nested repository for one thing and leaves its
# files out. Here a listing by find says what the content is, so that files of nested
# repositories are files like any other. What git can hold in no tree, `.git` itself and a symlink
# `.gitmodules`, is neither recorded nor touched.
#
# A checkpoint is a commit with two trees: `files`, and `modes`, where the blob `f644` lists
# files with this mode and `d755` folders, each name ended by a NUL.
#
# Lists go from one tool to the next by a file: of two that feed each other, nobody is told that the
# first was killed, and a list that lacks names would remove files.
#
# In: that of own.sh; _STORE (the name of the store in it), _ROOT.

. ../../_remote/own.sh
. ../../_remote/temporary.sh

_ref=
_ignored=

# enter_store: stand in the root, alone in the store, with git set up for it.
enter_store() {
    export LC_ALL=C
    command -v git >/dev/null || fail git
    # Old releases of busybox lack these.
    [ "$(printf 'b\0a\0b\0' | sort -z | uniq -zu | sed -z 's/^/./' | tr '\0' n)" = .an ] ||
        fail lists
    eval "$(env | sed -n 's/^\(GIT_[A-Z0-9_]*\)=.*/unset \1/p')"
    export GIT_DIR="$_STATE/$_STORE" GIT_WORK_TREE=.
    # No settings but ours. The first does not exist before git 2.32, so HOME goes as well.
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1
    export HOME="$GIT_DIR" XDG_CONFIG_HOME="$GIT_DIR"
    export GIT_AUTHOR_NAME=daytona-toolkit GIT_AUTHOR_EMAIL=daytona-toolkit@localhost
    export GIT_COMMITTER_NAME=daytona-toolkit GIT_COMMITTER_EMAIL=daytona-toolkit@localhost
    { mkdir -p -- "$_ROOT" && cd -P -- "$_ROOT"; } || fail root
    find_own
    _lists=$GIT_DIR/lists
    { mkdir -p "$_lists" && command exec 9>"$GIT_DIR/alone"; } || fail space
    flock 9
    # A writer holds the lock, so what lies here was left by one that was killed.
    find "$GIT_DIR" -name '*.lock' -exec rm -f {} +
    if [ ! -e "$GIT_DIR/ready" ]; then
        _why=$(unset GIT_WORK_TREE && git init -q --bare 2>&1) || fail_git "$_why"
        settings >"$GIT_DIR/config"
        mkdir -p "$GIT_DIR/info"
        # Contents stay as they are, whatever a .gitattributes says.
        echo '* -text -ident -filter !working-tree-encoding !eol !diff' >"$GIT_DIR/info/attributes"
        true >"$GIT_DIR/ready" || fail space
    fi
}

settings() {
    cat <<SETTINGS
[core]
    repositoryFormatVersion = 0
    bare = false
    fileMode = true
    symlinks = true
    ignoreCase = false
    autocrlf = false
    protectNTFS = false
    protectHFS = false
    hooksPath = /dev/null
    fsmonitor = false
    compression = 1
[gc]
    auto = 0
[maintenance]
    auto = false
SETTINGS
}

# find_reference ID: the checkpoint becomes $_ref, and $_ignored says whether it has ignored
# files.
find_reference() {
    _ref=refs/checkpoints/$1
    _subject=$(git log -1 --format=%s "$_ref" --) || fail unknown
    # shellcheck disable=SC2086 # words
    set -- $_subject
    _ignored=${4#no}
}

# find_all TEST...: what is under the root, without what git does not take and what is ours.
find_all() {
    find . -name '.[gG][iI][tT]' -prune -o -name "$_temporaries" -prune -o \
        -type l -name '.[gG][iI][tT][mM][oO][dD][uU][lL][eE][sS]' -prune -o \
        -path "$_own" -prune -o ! -name . "$@" -print0
}

# refuse_pipes: git reads files of these names, and would wait for a writer if one is a pipe.
refuse_pipes() {
    find_all -type p \( -name .gitignore -o -name .gitattributes \) >"$_lists/pipes"
    [ ! -p .git/info/exclude ] || printf './.git/info/exclude\0' >>"$_lists/pipes"
    [ -s "$_lists/pipes" ] || return 0
    head -c 5000 "$_lists/pipes" | put_bytes pipes
    fail pipe
}

# minus A B: the names of list A that are not in list B. Not with `sort -o`, as that of uutils leaves
# the file as it was where there are no names.
minus() { sort -z -- "$1" "$2" "$2" >"$_lists/sorted" && uniq -zu "$_lists/sorted"; }

# common A B: the names that are in both.
common() { sort -z -- "$1" "$2" >"$_lists/sorted" && uniq -zd "$_lists/sorted"; }

# ignored LIST: which of the names a .gitignore tells to ignore. git before 2.26 names those too that
# a pattern with `!` takes back. So it is to name the pattern as well, as the third of four words.
ignored() {
    [ -z "$_ignored" ] || return 0
    git -c core.excludesFile="$PWD/.git/info/exclude" check-ignore -v --no-index -z --stdin \
        <"$1" >"$_lists/matched"
    [ $? -lt 2 ] || return # 1: none
    sed -zn 'n; n; /^!/ { n; d; }; n; p' "$_lists/matched"
}

# scan: list what counts in `files` and `folders`; `every` folder, too. It fails at a folder that
# cannot be read: a restore would take what is in it for new.
scan() {
    find_all \( -type f -o -type l \) >"$_lists/found" &&
        ignored "$_lists/found" >"$_lists/ignored" &&
        minus "$_lists/found" "$_lists/ignored" >"$_lists/files" &&
        find_all -type d >"$_lists/every" &&
        ignored "$_lists/every" >"$_lists/left" &&
        minus "$_lists/every" "$_lists/left" >"$_lists/folders"
}

# indexed: the names that the index has.
indexed() { git ls-files -z >"$_lists/raw" && sed -z 's|^|./|' "$_lists/raw"; }

# stage: the index gets what `files` lists. It remembers the times of files that it has seen,
# so only those that have changed are read.
stage() {
    indexed >"$_lists/indexed" && minus "$_lists/indexed" "$_lists/files" >"$_lists/gone" &&
        git update-index --force-remove -z --stdin <"$_lists/gone" &&
        git update-index --add --remove --replace -z --stdin <"$_lists/files"
}

# add_known: what the checkpoint has is compared even if it is ignored by now.
add_known() {
    [ -n "$_ref" ] || return 0
    git ls-tree -r -z --name-only "$_ref:files" >"$_lists/raw" &&
        sed -z 's|^|./|' "$_lists/raw" >"$_lists/then" &&
        common "$_lists/found" "$_lists/then" >"$_lists/both" &&
        sort -zuo "$_lists/files" -- "$_lists/both" "$_lists/files"
}

# record: the root as it is becomes a tree; its name is $_tree.
record() {
    refuse_pipes
    # Files come and go meanwhile.
    for _try in 1 2 3; do
        _why=$({ scan && add_known && stage; } 2>&1) && _tree=$(git write-tree) && return
    done
    fail_git "$_why"
}

# with_mode KIND MODE: the names of that kind (f or d) that have the mode.
with_mode() { find_all -type "$1" -perm "$2"; }

# list_modes KIND LIST: entries of the tree of modes.
list_modes() {
    xargs -0 -r stat -c %a -- <"$2" >"$_lists/each"
    # Files come and go meanwhile, and then it is 123.
    [ $? -le 123 ] && sort -uo "$_lists/each" "$_lists/each" || return
    while read -r _mode; do
        with_mode "$1" "$_mode" >"$_lists/found"
        common "$_lists/found" "$2" >"$_lists/mode" || return
        [ ! -s "$_lists/mode" ] || printf '100644 blob %s\t%s\n' \
            "$(git hash-object -w --stdin <"$_lists/mode")" "$1$_mode"
    done <"$_lists/each"
}

# fail_git MESSAGE: git could not do it, or was killed.
fail_git() {
    ! was_killed "$1" || quit
    case $1 in
    *'No space left'* | *'quota exceeded'*) fail space ;;
    esac
    put_why "$(printf %s "$1" | tail -n 3)"
    fail failed
}

# put_checkpoints REF...: what is known of them.
put_checkpoints() {
    _why=$(git for-each-ref --format='%(refname) %(contents:subject)' "$@" 2>&1) || fail_git "$_why"
    printf '%s\n' "$_why" | put_bytes checkpoints
}
