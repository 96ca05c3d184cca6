# shellcheck shell=sh
# start: run a command as a job, and wait for it a while.
#
# Making the job's folder is the claim: a request that is sent again, because its
# answer was lost, finds the folder and waits for the job that is already there.
#
# In: those of job.sh and tidy.sh; _CWD; _COMMAND; _INPUT (stdin in base64, or empty) or
#     _UPLOAD (a file that holds it); _SHELL; _SETSID; _BOUND (of a stream's file, in
#     blocks of 512 bytes); _WINDOW, _TIMEOUT (as await takes them); _OUT, _ERR (as report
#     takes them); the function environment (the user's variables).

. ./frame.sh
. ./path.sh
. ./job.sh
. ./tidy.sh

# collect: what a fifo brings, into a file, up to the bound. The bound is on cat and not on
# the command, whose own files are its own matter: at the bound cat is ended, and whoever
# writes on gets SIGPIPE.
collect() {
    # shellcheck disable=SC3045 # where -c is unknown there are no core files either
    ulimit -c 0
    # shellcheck disable=SC2030,SC2031 # it is meant for this cat alone
    ulimit -f "$_BOUND" && export LC_ALL=C && exec cat
}

supervise() {
    exec >/dev/null
    (collect) <"$_JOB/1" >&3 3>&- 4>&- 9>&- &
    _cats=$!
    (collect) <"$_JOB/2" >&4 3>&- 4>&- 9>&- &
    _cats="$_cats $!"
    (
        environment
        export "DAYTONA_TOOLKIT_JOB=$_ID"
        exec "$_SETSID" "$_SHELL" "$@"
    ) <"$_input" >"$_JOB/1" 2>"$_JOB/2" 3>&- 4>&- 9>&- &
    echo $! >"$_JOB/leader"
    wait $!
    _code=$?
    _open=
    for _pid in $_cats; do drained "$_pid"; done
    now
    echo "$_code $_now $_open" >"$_JOB/rc"
}

# drained PID: until that cat has written all that the command printed. It has exited
# then, or sleeps because its pipe is empty: a process left behind holds the pipe open.
drained() {
    while read -r _line <"/proc/$1/stat"; do
        case ${_line##*) } in
        [RD]*) ;;
        Z*) return ;;
        *)
            _open=open
            return
            ;;
        esac
    done
}

give_up() {
    rm -rf "$_JOB"
    fail space
}

begin
cd -- "$_CWD" || blame "${_CWD%/}"
[ -d "$_STATE" ] || mkdir -p "$_STATE"
# LC_ALL=C, for our own tools alone, spares them looking for locales: 1 ms in all.
if LC_ALL=C mkdir "$_JOB"; then
    now
    echo "$_now" >"$_JOB/start"
    _input=/dev/null
    if [ -n "$_UPLOAD" ]; then
        _input=$_UPLOAD
    elif [ -n "$_INPUT" ]; then
        _input=$_JOB/in
        printf %s "$_INPUT" | base64 -d >"$_input" || give_up
    fi
    printf %s "$_COMMAND" >"$_JOB/command" || give_up
    LC_ALL=C mkfifo "$_JOB/done" "$_JOB/1" "$_JOB/2" || give_up
    # An argument may have 128 KiB at most; a longer command is run from its file.
    if [ ${#_COMMAND} -lt 30000 ]; then set -- -c "$_COMMAND"; else set -- "$_JOB/command"; fi
    # Open before the supervisor runs, so that whoever waits finds it open.
    exec 9<>"$_JOB/done" 3>"$_JOB/out" 4>"$_JOB/err"
    _opened=yes
    supervise "$@" &
    exec 9>&-
    echo $! >"$_JOB/supervisor"
fi
[ -d "$_JOB" ] || fail space
[ "$_WINDOW" = 0 ] || await "$_WINDOW" "$_TIMEOUT"
report "$_OUT" "$_ERR"
tidy
end
