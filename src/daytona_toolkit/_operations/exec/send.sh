# shellcheck shell=sh
# send: send text to the standard input of an interactive command.
#
# A text becomes a file beside the job, which the job's feeder puts into the command's pipe. So
# nothing waits here for a command that does not read, and a text is there whole or not at all.
#
# In: those of job.sh, once.sh and payload.sh (the text); _JOB (its name); _EOF (yes: nothing comes
#     after it); _BACKLOG (bytes that may wait to be read); _WINDOW (hundredths of a second to wait
#     for output); _OUT, _ERR (as report takes them); _SHOWN (bytes of the command wanted).

. ../../_remote/frame.sh
. ../../_remote/once.sh
. ../../_remote/payload.sh
. ./job.sh

# check_listening: the command can still be given something.
check_listening() {
    if has_ended || is_lost; then fail ended; fi
    [ ! -e "$_job.eof" ] || fail eof
    [ ! -e "$_job.deaf" ] || fail deaf
}

# count_unread: sets $_unread, the bytes of what was sent that are not in the pipe yet.
count_unread() {
    set -- "$_last"
    while [ -s "$_job.in.$1" ]; do
        set -- "$(($1 - 1))" "$@"
    done
    shift
    _unread=0
    for _file; do
        _size=$(stat -c %s "$_job.in.$_file")
        _unread=$((_unread + _size))
    done
}

# find_last: sets $_last, how many texts were sent so far.
find_last() {
    is_file last && read -r _last <"$_job.last" || _last=0
    while [ -e "$_job.in.$((_last + 1))" ]; do
        _last=$((_last + 1))
    done
}

# lay_down: the text is in a file that nobody looks at yet, and the mark is left.
lay_down() {
    if has_payload; then payload >"$_part"; fi && echo "$_last" >"$_mark"
}

# await_reader: the text is in the pipe, or nobody reads it, or it takes long.
await_reader() {
    _try=0
    while [ "$_try" -lt 15 ] && [ -s "$_job.in.$_last" ] && [ ! -e "$_job.deaf" ]; do
        sleep 0.02
        _try=$((_try + 1))
    done
    [ ! -s "$_job.in.$_last" ] || [ ! -e "$_job.deaf" ] || has_ended || fail deaf
}

# await_news: there is output, or the command has ended, or the request has waited long enough.
await_news() {
    _waited=0 _slice=4
    while [ "$_waited" -lt "$_WINDOW" ] && ! is_over && ! has_news "$_OUT" "$_ERR"; do
        set_time "$_slice"
        sleep "$_time"
        _waited=$((_waited + _slice))
        [ "$_slice" -ge 25 ] || _slice=$((_slice * 2))
    done
}

begin
_id=$_JOB _job=$_STATE/$_JOB
_mark=$_SESSION/done.$_NUMBER
_part=$_job.part.${_SESSION##*.}.$_NUMBER
is_file start || fail nojob
[ -p "$_job.0" ] || fail plain
{ command exec 8<>"$_job.sending" && flock 8; } || fail space
# The mark comes before the move, which takes the part away: with both it was not sent yet.
if [ ! -e "$_mark" ] || [ -e "$_part" ]; then
    is_fresh || fail "$_late"
    if has_payload || [ -n "$_EOF" ]; then check_listening; fi
    [ -z "$_UPLOAD" ] || is_whole || fail upload
    find_last
    count_unread
    [ "$_unread" -le "$_BACKLOG" ] || fail backlog
    ! has_payload || _last=$((_last + 1))
    lay_down || { make_room && lay_down; } || {
        rm -f "$_part" "$_mark"
        fail space
    }
    [ ! -e "$_part" ] || mv "$_part" "$_job.in.$_last"
    echo "$_last" 1<>"$_job.last"
fi
read -r _last <"$_mark"
[ -z "$_EOF" ] || note eof
# The feeder looks for the next text after each, so it needs no call while it has one.
if [ -n "$_EOF" ] || [ ! -s "$_job.in.$((_last - 1))" ]; then echo 1<>"$_job.more"; fi
exec 8>&-
await_reader
count_unread
put unread "$_unread"
await_news
! is_over || await_output
report "$_OUT" "$_ERR"
! is_file command || head -c "$_SHOWN" "$_job.command" | put_bytes command
drop_upload
tidy
end
