# shellcheck shell=sh
# start: run a command as a job, and wait a while for it to end.
#
# A copy of the request finds the claim, and waits for the job that is already there.
#
# In: those of job.sh, shell.sh, once.sh and payload.sh (stdin); _JOB (its name); _CWD; _COMMAND;
#     _STDIN (yes: it has something to read), _INTERACTIVE (yes: and more may be sent); _GIVEN
#     (NAME=value words that its shell does not keep); _SHELL; _LAUNCH (sh that becomes the words
#     after it, in a session of its own); _BOUND (of a stream's file, in blocks of 512 bytes); _WINDOW
#     (hundredths of a second to wait), _TIMEOUT (of the job, likewise; 0: none); _FOLLOW (yes: answer
#     as soon as there is output, after a while); _OUT, _ERR (as report takes them).

. ../../_remote/frame.sh
. ../../_remote/path.sh
. ../../_remote/once.sh
. ../../_remote/payload.sh
. ./job.sh
. ./shell.sh

# claim: the job is ours to start, and no copy of the request starts it again.
claim() {
    is_fresh || fail "$_late"
    claim_job || { [ ! -e "$_job" ] && make_room && claim_job; } || return
    is_fresh || {
        remove_job
        fail "$_late"
    }
}

# prepare: what the job needs is there. LC_ALL=C, for our own tools alone, spares them looking for
# locales: 1 ms in all.
prepare() {
    now
    echo "$_now" >"$_job.start" && printf %s "$_COMMAND" >"$_job.command" &&
        LC_ALL=C mkfifo "$_job.done" "$_job.wake" "$_job.1" "$_job.2" || return
    _stdin=/dev/null
    [ -z "$_STDIN" ] || prepare_stdin
}

# prepare_stdin: the same for what the command is given to read.
prepare_stdin() {
    if [ -n "$_INTERACTIVE" ]; then
        _stdin=$_job.0
        LC_ALL=C mkfifo "$_job.0" "$_job.more" || return
        if has_payload; then payload >"$_job.in.1"; fi
    elif [ -n "$_UPLOAD" ]; then
        _stdin=$_UPLOAD
    else
        _stdin=$_job.in
        payload >"$_stdin"
    fi
}

# give_up CODE: it was not started, and another request may start it.
give_up() {
    remove_job
    fail "$1"
}

# collect STREAM: copy what comes out of a fifo into a file, up to the bound. The bound is on dd and
# not on the command, which may write larger files of its own. At the bound dd is ended, and what
# still writes gets SIGPIPE. A lower bound of the system cannot be raised, and holds. At its end dd
# says how much it has copied, which saves a process.
collect() {
    # shellcheck disable=SC3045 # where -c is unknown there are no core files either
    ulimit -c 0
    # shellcheck disable=SC2030,SC2031 # it is meant for this dd alone
    ulimit -f "$_BOUND"
    export LC_ALL=C && exec dd bs=65536 2>"$_job.copied.$1"
}

# count_copied STREAM: sets $_copied, the bytes in the file; empty where dd does not say.
count_copied() {
    _copied=
    is_file "copied.$1" || return
    while read -r _count _unit _; do
        case $_unit in byte | bytes) _copied=$_count ;; esac
    done <"$_job.copied.$1"
}

# feed: put what is sent into the command's pipe, in its order, until no more will come or nobody
# reads. A trap ends the cat that it waits for, which would outlive it otherwise.
feed() {
    exec >"$_job.0" 6<>"$_job.more"
    _next=1
    while :; do
        # Before the look for a text: none comes after the last.
        _last=
        [ ! -e "$_job.eof" ] || _last=yes
        if [ -e "$_job.in.$_next" ]; then
            trap 'kill $!; exit' TERM
            LC_ALL=C cat "$_job.in.$_next" 6>&- &
            wait $! || break
            trap - TERM
            true >"$_job.in.$_next"
            _next=$((_next + 1))
        elif [ -n "$_last" ]; then
            break
        else
            read -r _line <&6
        fi
    done
    note deaf
}

# note_exit: it has ended with $_code, at $_now.
note_exit() {
    echo "$_code $_now" 1<>"$_job.exit"
    has_ended
}

# become COMMAND...: this process becomes that of the command.
become() {
    [ ! -e "$_job.killed" ] || exit 143
    [ -z "$_NAMED" ] || list_exported
    # What is exported may have any name, also that of a variable of ours: what follows needs none.
    # `command`, as bash would end at what is read-only there, such as UID.
    set -- "command export $_ENV DAYTONA_TOOLKIT_JOB 2>/dev/null
[ ! -e \"\$1\" ] || . \"\$1\"
command export $_GIVEN DAYTONA_TOOLKIT_JOB=$_id 2>/dev/null
shift
$_LAUNCH \"\$@\"" "$_SESSION/shell.$_NAMED" "$_SHELL" "$@"
    eval "shift; $1"
}

# supervise COMMAND...: run the command, with a process for each stream beside it, to its end.
supervise() {
    # Open both ways, so that no opening waits for one who could not be started, and then to write
    # until the command has ended: who reads sees the end of the file, whatever ends us.
    exec >/dev/null 5<>"$_job.1" 6<>"$_job.2"
    (collect out) <"$_job.1" >&3 3>&- 4>&- 5>&- 6>&- 9>&- &
    _dd_out=$!
    (collect err) <"$_job.2" >&4 3>&- 4>&- 5>&- 6>&- 9>&- &
    _dd_err=$!
    exec 7>"$_job.1" 8>"$_job.2" 3>&- 4>&- 5>&- 6>&-
    _feeder=
    if [ -n "$_INTERACTIVE" ]; then
        (feed) 7>&- 8>&- 9>&- &
        _feeder=$!
    fi
    (become "$@") <"$_stdin" >"$_job.1" 2>"$_job.2" 7>&- 8>&- 9>&- &
    _leader=$!
    echo "$_leader" >"$_job.leader"
    wait "$_leader"
    _code=$?
    exec 7>&- 8>&-
    [ -z "$_NAMED" ] || hand_on "$_code"
    now
    # A command may have put something in its place.
    [ ! -e "$_job.exit" ] || rm -rf "$_job.exit"
    note_exit || [ ! -e "$_job" ] || { make_room && note_exit; }
    exec 9>&-
    # What the command left running may go on reading. Without a reader the feeder ends.
    [ -z "$_feeder" ] || { note eof && echo 1<>"$_job.more"; } || kill "$_feeder"
    drain
}

# drain: all that the command printed has arrived, or cannot.
drain() {
    _sizes=
    for _stream in "$_dd_out:out" "$_dd_err:err"; do
        wait "${_stream%:*}"
        case $? in
        0) ;;
        1)
            rm -f "$_SESSION/ballast"
            note full
            ;;
        *) note stopped ;; # by SIGXFSZ
        esac
        count_copied "${_stream#*:}"
        _sizes="$_sizes $_copied"
    done
    echo "$_sizes" 1<>"$_job.drained"
    # Open to read as well, so as not to wait for a reader that has gone.
    echo 1<>"$_job.wake"
}

# watch: end the command at its time limit, also if no request comes any more. The wait may end
# early: timeout of busybox counts whole seconds. A look at what a command can forge comes after it.
watch() {
    while find_start && ! is_over; do
        await_done "$_TIMEOUT" "$_TIMEOUT" '' '' ''
        expire "$_TIMEOUT"
        ! is_lost || return
    done
}

# await: until the job has ended, or the request has waited long enough. What waits is a read
# from a fifo: a line comes when the job has ended, the end of the file when a sleep has.
await() {
    set_wait "$_WINDOW" "$_TIMEOUT"
    _slice=10 _waited=0
    # A command may have removed its own files: then there is nothing to wait for.
    [ -p "$_job.wake" ] || return
    # shellcheck disable=SC2094 # a fifo
    command exec 6<>"$_job.wake" 5<"$_job.wake" || return
    while [ "$_waited" -lt "$_wait" ] && ! is_complete; do
        # What a command left behind may hold its pipes, and then no line comes. Nor does one from a
        # supervisor that has gone.
        if is_over || is_lost; then break; fi
        [ $((_waited + _slice)) -lt "$_wait" ] || _slice=$((_wait - _waited))
        set_time "$_slice"
        LC_ALL=C sleep "$_time" >&6 5<&- 6>&- &
        exec 6>&-
        read -r _line <&5
        kill $!
        command exec 6<>"$_job.wake" || break
        _waited=$((_waited + _slice))
        if [ -z "$_FOLLOW" ]; then
            [ "$_slice" -ge 200 ] || _slice=$((_slice * 2))
        else
            # See await_done.
            [ "$_waited" -lt 45 ] || ! has_news "$_OUT" "$_ERR" || break
            _slice=$((_waited < 45 ? 45 - _waited : 20))
        fi
    done
    exec 5<&- 6>&-
}

begin
_id=$_JOB _job=$_STATE/$_JOB
# The command may have removed the folder where it began: a copy of its request needs none.
cd -- "$_CWD" || [ -e "$_job" ] || fail_unreachable "${_CWD%/}"
if claim; then
    [ -z "$_UPLOAD" ] || is_whole || give_up upload
    prepare || { make_room && rm -rf "$_job".* && prepare; } || give_up space
    # An argument may have 128 KiB at most; a longer command is run from its file.
    if [ ${#_COMMAND} -lt 30000 ]; then set -- -c "$_COMMAND"; else set -- "$_job.command"; fi
    if [ -n "$_NAMED" ]; then
        stand || give_up space
        # shellcheck disable=SC2016 # the command's own shell expands it
        _trap='dtk_pwd=${PWD-} command '"$(command -v sh) $_TRAP >/dev/null 2>&1 || :"
        # shellcheck disable=SC2016 # the command's own shell expands it
        case $1 in
        -c)
            set -- 'trap "$1" EXIT; dtk_job=$2; shift 2; eval "$dtk_job"' \
                "$_SHELL" "$_trap" "$_COMMAND"
            ;;
        *) set -- 'trap "$1" EXIT; shift; . "$0"' "$_job.command" "$_trap" ;;
        esac
        set -- -c "$@"
    fi
    # Open before the supervisor runs, so that a request that waits finds it open.
    exec 9<>"$_job.done" 3>"$_job.out" 4>"$_job.err"
    supervise "$@" &
    echo $! >"$_job.supervisor" || note unnamed
    exec 3>&- 4>&- 9>&-
    [ "$_WINDOW" = 0 ] || await
else
    [ -e "$_job" ] || fail space
    [ "$_WINDOW" = 0 ] || await_done "$_WINDOW" "$_TIMEOUT" "$_FOLLOW" "$_OUT" "$_ERR"
    is_file start || fail unknown
fi
[ "$_WINDOW" = 0 ] || conclude "$_TIMEOUT"
if [ "$_TIMEOUT" != 0 ] && ! is_over; then (watch) >/dev/null & fi
is_file start || fail nojob
report "$_OUT" "$_ERR"
tidy
end
