# shellcheck shell=sh
# unpack: files out of one upload, each in place at once or not at all.
#
# In: those of path.sh, replace.sh and payload.sh, all that is to be put in place; _FOLDERS (words:
#     for each a folder and the names in it, as words again); _PLAN (for each folder a line `MODE
#     FROM LENGTH`, where in the content an archive of all its files is, and what their mode is to
#     be, as mode.sh takes it; LENGTH is 0 if there is none. Then for each name a line: `folder`;
#     `take MODE FROM LENGTH`, a part of the content; `join MODE SHA256 PARTS...`, files of our own
#     folder).

# Each file has a subshell of its own, so that its refusal is its own.
# shellcheck disable=SC2030,SC2031

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/replace.sh
. ../../_remote/parents.sh
. ../../_remote/payload.sh
. ./mode.sh
. ./together.sh

# alone INDEX COMMAND...: do one file's part; if it is refused, the others go on. It fails if it was
# killed.
alone() (
    _index=$1
    shift
    fail() {
        put "fail.$_index" "$1"
        exit 0 # not what `put` says: on a full disk it fails, and nothing was killed
    }
    end() { exit 0; }
    _mark=$_mark.$_index _temporary=$_temporary.$_index
    "$@"
)

make_folder() {
    make_parents "$_path/"
    enter "$_path/"
}

part() { tail -c "+$(($1 + 1))" "$_content" | head -c "$2"; }

# parts SHA256 NAME...
parts() {
    _wanted=$1
    shift
    (cd "$_STATE" && cat "$@") && _sum=$(sha256sum <"$_temporary") || return
    [ "${_sum%% *}" = "$_wanted" ] || {
        echo 'it arrived damaged' >&2
        return 1
    }
}

# place MODE COMMAND...: what the command prints becomes the file $_path.
place() {
    _mode=$1
    shift
    enter_to_write "$_path"
    fill "$@"
    commit '*'
}

# put_step PATH STEP...: do what the plan says of a path.
put_step() {
    _path=$1 _due=
    case $2 in
    folder) alone "$_next" make_folder ;;
    take)
        _due=$5
        alone "$_next" place "$3" part "$4" "$5"
        ;;
    join)
        # shellcheck disable=SC2086 # a word for each part
        alone "$_next" place "$3" parts "$4" $5 || return
        # shellcheck disable=SC2086
        (cd "$_STATE" && rm -f $5)
        ;;
    esac
}

# put_folder FOLDER NAME...: those files of a folder that the plan has.
put_folder() {
    _placed=
    [ "$_length" = 0 ] || ! command -v tar >/dev/null || _placed=$(place_together "$@")
    _folder=$1
    shift
    for _file; do
        read -r _step _first _second _third
        case $_placed in
        *" $_next "*) ;;
        *) put_step "$_folder/${_file#./}" "$_step" "$_first" "$_second" "$_third" || quit ;;
        esac
        _next=$((_next + 1))
    done
}

# unpack FOLDER-AND-NAMES...: carry out the plan.
unpack() {
    _next=0
    for _words; do
        read -r _mode _from _length
        eval "put_folder $_words"
    done <<PLAN
$_PLAN
PLAN
    put complete yes
}

begin
is_fresh || fail "$_late"
# A copy of the request waits for the first one, and finds its report.
command exec 9>>"$_mark" || fail space
flock 9
if [ ! -s "$_mark" ]; then
    is_fresh || fail "$_late"
    [ -z "$_UPLOAD" ] || is_whole || fail upload
    save_payload
    eval "unpack $_FOLDERS" >"$_mark.report"
    mv -f "$_mark.report" "$_mark" || quit
    rm -f "$_content" "$_mark".[0-9]*
fi
cat "$_mark" || quit
tidy
end
