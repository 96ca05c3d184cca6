# shellcheck shell=sh
# apply: change several files, all of them or none.
#
# All checks come before the first change, under the locks of all folders. If a change fails
# nevertheless, those before it are taken back.
#
# In: those of path.sh, replace.sh, file.sh and payload.sh, all new bytes; _FILES (three words
#     each: what to do, the path, and the sha256 that it must have, a dot and the bytes that it is to
#     get. `add`: nothing is there; `update`; `delete`, of any content; `source` and after it
#     `target`: it moves); _PLAN (the steps that make the new files, a line each, which begins with
#     the file's index: `keep FROM LENGTH` of the old file, `insert FROM LENGTH` out of the content;
#     LENGTH `rest` is all that follows).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/payload.sh
. ../../_remote/file.sh

_base=$_temporary

fail() {
    put fail "$1"
    put index "$_index"
    exit 3
}

# locate WHAT PATH SHA256...: make of each four words: what to do, its real folder, its name
# in there, and the sum.
locate() {
    _index=0 _places=// _ids='' _order='0 '
    _todo=$# _all=$#
    while [ "$_todo" -gt 0 ]; do
        reach "$1" "$2"
        _place=${PWD%/}/$_name//
        case $_places in *"//$_place"*) fail twice ;; esac
        _places=$_places$_place
        [ "$_all" = 3 ] || _ids="$_ids
$(stat -c %i:%d .) $_index" || quit
        set -- "$@" "$1" "$PWD" "$_name" "$3"
        shift 3
        _todo=$((_todo - 3)) _index=$((_index + 1))
    done
    [ "$_all" = 3 ] || _order=$(in_order)
    [ -n "$_order" ] || quit
    lock "$@"
}

# reach WHAT PATH: stand in the folder that holds PATH. For a new file that is the deepest one
# that exists, and its name has the rest.
reach() {
    case $1 in
    delete)
        go_to "$2"
        check_confined "${PWD%/}"
        ;;
    add | target)
        find_missing "$2"
        if [ -n "$_rest" ]; then
            enter "$_folder/"
            _name=$_rest${2##*/}
        else
            enter "$2"
        fi
        ;;
    *) enter "$2" ;;
    esac
}

# stand FOLDER: go back to a folder, if the path still leads to it.
stand() { cd -P -- "$1" && [ "$PWD" = "$1" ]; }

# lock WHAT FOLDER NAME SHA256...: lock the folders of $_order, and then change the files. A
# lock is held by a subshell that waits for the rest, because the shells of some systems
# have no more than ten files.
lock() {
    if [ -z "$_order" ]; then
        change "$@"
        return
    fi
    _next=${_order%% *} _order=${_order#* }
    eval "stand \"\${$((_next * 4 + 2))}\"" || fail changed
    (
        { command exec 8<. && flock 8; } || lock_all_others
        lock "$@"
    )
}

# in_order: the index of a file of each folder, each with a blank. Patches and moves lock folders in
# one order, that of their numbers, so none waits for another that waits for it.
in_order() {
    sort -t : -k 1,1n -k 2,2n <<IDS | while read -r _id _of; do
$_ids
IDS
        [ -z "$_id" ] || [ "$_id" = "$_before" ] || printf '%s ' "$_of"
        _before=$_id
    done
}

# lock_all_others: the one lock for all folders that cannot be locked. See lock_folder.
lock_all_others() {
    [ -z "$_others" ] || return 0
    _others=locked
    command exec 8>"$_STATE/lock" && flock 8
}

# change WHAT FOLDER NAME SHA256...
change() {
    _index=0
    # A patch that only deletes has nothing else to tell, and an empty mark is none.
    put applied yes >"$_mark.report" || fail space
    (each build "$@" || fail changed) && place_all "$@"
    _changed=$?
    each clean "$@"
    return "$_changed"
}

# place_all WHAT FOLDER NAME SHA256...: put all files in place, or none.
place_all() {
    echo 'fail halfway' >"$_mark" || {
        rm -f "$_mark"
        (fail space)
        return
    }
    if each place "$@"; then
        mv -f "$_mark.report" "$_mark"
        cat "$_mark" || return
    else
        _last=$_index
        each take_back "$@"
        rm -f "$_mark" "$_mark.report"
        [ "$_code" != other ] || ! was_killed "$_why" || return 9
        put_why "${_why##*: }"
        put fail "$_code"
        put index "$_last"
    fi
}

# each COMMAND WHAT FOLDER NAME SHA256...: run it for every file, until it fails for one.
each() {
    _command=$1 _index=0
    shift
    while [ $# -gt 0 ]; do
        _what=$1 _home=$2 _name=$3 _sum=${4%.*} _due=${4#*.}
        shift 4
        _temporary=$_base.$_index
        stand "$_home" || { _code=changed && return 1; }
        "$_command" || return
        _index=$((_index + 1))
    done
}

# build: check a file, and make what it becomes.
build() {
    case $_what in
    add | target) ! is_there || fail exists ;;
    *)
        is_there || fail missing
        check_replaceable
        [ -w . ] || fail denied
        [ "$_what" = delete ] || check_same
        ;;
    esac
    case $_what in add | update | target) ;; *) return 0 ;; esac
    _why=$({ new_content >"$_temporary"; } 2>&1) || fail_with "$_why"
    if [ "$_what" = add ]; then
        # shellcheck disable=SC2046 # three words
        set -- $(stat -c '%s-%i-%y' -- "$_temporary")
        _version=$1T$2
    else
        # shellcheck disable=SC2046 # five words for each file
        keep_mode $(stat -L -c '%a %u:%g %s-%i-%y' -- "$_source" "$_temporary")
        tell replaced "$_replaced"
    fi
    # Where one tool feeds another, nobody is told that the first was killed.
    [ "${_version%%-*}" = "$_due" ] || quit
    tell version "$_version"
}

# tell NAME VERSION: a line of the report.
tell() { put "$1.$_index" "$2" >>"$_mark.report" || fail space; }

# check_same: the file is what the client saw; else it is sent what it is now.
check_same() {
    open_regular
    [ -n "$_CONFINE" ] || _source=${PWD%/}/$_name # the target may be in another folder
    _seen=$(sha256sum <"$_source")
    [ "${_seen%% *}" = "$_sum" ] || {
        put_file
        fail changed
    }
}

new_content() {
    while read -r _of _step _first _second; do
        [ "$_of" = "$_index" ] || continue
        case $_step:$_second in
        keep:rest) tail -c "+$((_first + 1))" "$_source" ;;
        keep:*) tail -c "+$((_first + 1))" "$_source" | head -c "$_second" ;;
        insert:*) tail -c "+$((_first + 1))" "$_content" | head -c "$_second" ;;
        esac || return
    done <<PLAN
$_PLAN
PLAN
}

# place: put a file in place. What it was stays beside it until all are done.
place() {
    _code=other
    case $_what in
    update | delete | source)
        _why=$({ ln -- "./$_name" "$_temporary.old" || cp -Pp -- "./$_name" "$_temporary.old"; } 2>&1) || return
        ;;
    esac
    case $_what in
    update) _why=$(mv -fT -- "$_temporary" "./$_name" 2>&1) ;;
    delete | source) _why=$(rm -f -- "./$_name" 2>&1) ;;
    *)
        case $_name in */*) _why=$(mkdir -p -- "./${_name%/*}" 2>&1) || return ;; esac
        _code=exists
        ! is_there || return
        _code=other
        _why=$(mv -fT -- "$_temporary" "./$_name" 2>&1)
        ;;
    esac
}

# take_back: undo place, for the files before the one that failed.
take_back() {
    if [ -e "$_temporary.old" ] || [ -L "$_temporary.old" ]; then
        mv -fT -- "$_temporary.old" "./$_name"
    elif [ "$_index" -lt "$_last" ]; then
        rm -f -- "./$_name"
        case $_name in */*) rmdir -p -- "${_name%/*}" ;; esac
    fi
    return 0
}

clean() {
    rm -f -- "$_temporary" "$_temporary.old"
}

# run: what a copy of the request does not do again.
run() {
    export LC_ALL=C
    is_fresh || fail "$_late"
    [ -z "$_UPLOAD" ] || is_whole || fail upload
    save_payload
    eval "locate $_FILES"
}

begin
_index=0 _others='' _before='' _why='' _code=other
# A copy of the request waits for the first one, and finds its report.
if command exec 9>>"$_STATE/patches" && flock 9 && [ -s "$_mark" ]; then
    cat "$_mark" || quit
    end
fi
(run)
_ran=$?
case $_ran in 0 | 3) ;; *) quit ;; esac
rm -f "${_UPLOAD:-$_SESSION/payload-$_NUMBER}"
tidy
end
