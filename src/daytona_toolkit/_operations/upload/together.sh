# shellcheck shell=sh
# Many files of one folder at a time: one process does for all what takes some for each alone.
#
# These are files that need nothing but their name: there is none yet, or a plain one that has the
# mode and the owner of a new one. `place` does the others one by one.
# In: those of path.sh, parents.sh and replace.sh. Set by the program: $_next, the number of the
# first file; $_mode, as mode.sh takes it; $_from and $_length, where in $_content their archive is.

# All this happens in a subshell.
# shellcheck disable=SC2030,SC2031

# place_together FOLDER NAME...: prints the numbers of the files that are in place now. Each name
# begins with `./`.
place_together() (
    # Files that are refused here are tried again one by one, which gives the reason.
    fail() { exit; }
    end() { exit; }
    _mark=$_mark.$_next.all _temporary=$_temporary.$_next.all
    make_parents "$1/"
    enter "$1/"
    shift
    lock_folder
    if [ -e "$_mark" ]; then
        read -r _reply <"$_mark" # a copy of the request was killed while it moved them
        _reply="$_reply "
    else
        if ! { mkdir "$_temporary" && extract "$@" && choose "$@"; }; then
            rm -rf "$_temporary"
            exit
        fi
        leave_mark
    fi
    move "$@" || withdraw "$@"
    rm -rf "$_temporary"
    echo "$_reply"
)

# extract NAME...: from the archive, with the modes that new files have.
extract() (
    cd "$_temporary" || exit
    case $_mode in x) _rights='=rwx' ;; *) _rights='=rw' ;; esac
    part "$_from" "$_length" | tar -xmof - && chmod -- "$_rights" "$@"
)

# choose NAME...: $_reply gets the numbers of those that need nothing but their name.
choose() {
    _number=$_next _new=$_temporary/$1 _old=
    _reply='together '
    for _file; do
        shift
        if [ -L "$_file" ]; then
            :
        elif [ ! -e "$_file" ]; then
            _reply="$_reply$_number "
        elif [ -f "$_file" ] && [ -w "$_file" ]; then
            _old="$_old $_number"
            set -- "$@" "$_file"
        fi
        _number=$((_number + 1))
    done
    [ $# != 0 ] || return 0
    _words=$((2 * $# + 2))
    # shellcheck disable=SC2046 # two words for each file
    set -- $(stat -c '%a %u:%g' -- "$_new" "$@")
    [ $# = "$_words" ] || return 0 # one has gone meanwhile
    _rights="$1 $2"
    for _number in $_old; do
        shift 2
        [ "$1 $2" != "$_rights" ] || _reply="$_reply$_number "
    done
}

# is_waiting NAME: it was chosen, as $_number, and has not been moved.
is_waiting() {
    case $_reply in *" $_number "*) [ -e "$_temporary/$1" ] ;; *) return 1 ;; esac
}

# move NAME...: those of them that were chosen, as far as that was not done yet.
move() {
    _number=$_next
    for _file; do
        shift
        ! is_waiting "$_file" || set -- "$@" "$_temporary/$_file"
        _number=$((_number + 1))
    done
    [ $# = 0 ] || mv -f -- "$@" .
}

# withdraw NAME...: what could not be moved is not in place.
withdraw() {
    _number=$_next
    for _file; do
        ! is_waiting "$_file" || _reply="${_reply%% "$_number" *} ${_reply#* "$_number" }"
        _number=$((_number + 1))
    done
    leave_mark
}
