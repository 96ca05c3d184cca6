# shellcheck shell=sh
# unpack: files out of one upload, each in place at once or not at all.
#
# In: those of confined.sh and replace.sh; _CONTENT (the files one after the other, in
#     base64) or _UPLOAD (a file that holds them), or neither; the function files, made of
#     calls of folder, take and join.

# Each file has its own part of a shell, so that its refusal is its own.
# shellcheck disable=SC2030,SC2031

. ./frame.sh
. ./path.sh
. ./replace.sh
. ./parents.sh

# alone INDEX COMMAND...: do one file's part; if it is refused that is not the end of all.
alone() (
    _index=$1
    shift
    fail() {
        put "fail.$_index" "$1"
        exit
    }
    end() { exit; }
    _ID=$_ID.$_index _temporary=./.dtk-$_ID.$_index
    "$@"
)

# folder INDEX: make the folder _PATH.
folder() { alone "$1" make_folder; }
make_folder() {
    parents "$_PATH/"
    enter "$_PATH/"
}

# take INDEX MODE FROM LENGTH: put a part of the upload in the place of _PATH. The mode is x
# for a program, - for none, = to leave it.
take() { alone "$1" place "$2" part "$3" "$4"; }
part() { tail -c "+$(($1 + 1))" "$_UPLOAD" | head -c "$2"; }

# join INDEX MODE SHA256: put the files _PARTS of our folder, one after the other, there.
join() {
    alone "$1" place "$2" parts "$3"
    # shellcheck disable=SC2086 # a word a name
    (cd "$_STATE" && rm -f $_PARTS)
}
parts() {
    # shellcheck disable=SC2086 # a word a name
    (cd "$_STATE" && cat $_PARTS) && _sum=$(sha256sum <"$_temporary") && [ "${_sum%% *}" = "$1" ]
}

# place MODE COMMAND...: what the command prints becomes the file _PATH.
place() {
    _mode=$1
    shift
    parents "$_PATH"
    enter "$_PATH"
    replaceable
    take_turns
    _why=$({ "$@" >"$_temporary"; } 2>&1) || because "${_why:-it arrived damaged}"
    put_in_place
    case $_mode in
    x) [ -x "./$_name" ] || chmod +x "./$_name" ;;
    -) [ ! -x "./$_name" ] || chmod -x "./$_name" ;;
    esac
    rm -f "$_STATE/$_ID"
}

begin
# A request that is sent again waits for the first one, and finds its report.
command exec 9>>"$_STATE/$_ID" || fail space
flock 9
if [ ! -s "$_STATE/$_ID" ]; then
    if [ -n "$_CONTENT" ]; then
        _UPLOAD=$_STATE/$_ID.content
        printf %s "$_CONTENT" | base64 -d >"$_UPLOAD" || fail space
    fi
    {
        files
        put complete yes
    } >"$_STATE/$_ID.report"
    [ -z "$_UPLOAD" ] || rm -f "$_UPLOAD"
    mv -f "$_STATE/$_ID.report" "$_STATE/$_ID"
fi
cat "$_STATE/$_ID"
end
