# shellcheck shell=sh
# The life of a job, for the programs that start, watch and end one.
#
#   command     the text
#   start       when it began, in hundredths of a second of uptime
#   leader      the process of the command, which leads a session of its own
#   1, 2        fifos that the command writes to; a cat each fills out and err
#   supervisor  the process that waits for the command and writes rc
#   done        a fifo that the supervisor holds open: it closes when the job ends
#   rc          "exit-code ended-at", and "open" if a process left behind can still write
#   expired     the time limit came before the end of the command
#
# In: _JOB (the job's folder), _ID, _LIMIT (bytes of a stream in one reply).

. ./plain.sh

now() {
    if read -r _now _ </proc/uptime; then
        _now=${_now%.*}${_now#*.}
    else
        _now=$(date +%s)00 # outside Linux there is no /proc
    fi
}

# members: the processes of the job. A session holds them together; one that left it
# (setsid, a daemon) still carries the mark in its environment. Once the command has
# ended its session's number may become another's, so then the mark alone counts.
members() {
    if [ ! -s "$_JOB/rc" ] && read -r _leader <"$_JOB/leader"; then
        for _stat in /proc/[0-9]*/stat; do
            read -r _line <"$_stat" || continue
            _pid=${_stat#/proc/}
            # The name may hold blanks and brackets: the fields start behind it.
            # shellcheck disable=SC2086 # splitting into fields is the point
            set -- ${_line##*) }
            [ "$4" != "$_leader" ] || [ "$1" = Z ] || echo "${_pid%/stat}"
        done
    fi
    grep -l "DAYTONA_TOOLKIT_JOB=$_ID" /proc/[0-9]*/environ | while IFS=/ read -r _ _ _pid _; do
        echo "$_pid"
    done
}

# finish: end every process of the job, those that ignore TERM after two seconds.
finish() {
    _pids=$(members)
    # shellcheck disable=SC2086 # a word a process
    [ -z "$_pids" ] || kill -s TERM $_pids
    _round=0
    while _pids=$(members) && [ -n "$_pids" ] && [ $_round -lt 60 ]; do
        # shellcheck disable=SC2086
        [ $_round -lt 40 ] || kill -s KILL $_pids
        sleep 0.05
        _round=$((_round + 1))
    done
    over 2
}

# over SECONDS: wait for the end of the command, not longer than that.
over() {
    # For a moment we hold the fifo open to write as well, so that opening it to read does
    # not wait for a supervisor that is no more. rc is looked for when the fifo is open:
    # a job that ends after the look closes it.
    [ -p "$_JOB/done" ] || return
    # shellcheck disable=SC2094 # a fifo
    exec 6<>"$_JOB/done" 5<"$_JOB/done" 6>&-
    [ -s "$_JOB/rc" ] || LC_ALL=C timeout "$1" cat <&5
    exec 5<&-
}

# await SECONDS LIMIT: until the job ends, at most SECONDS; when it has run for LIMIT
# seconds in all (0: for ever) it is ended.
await() {
    _wait=$(($1 * 100))
    _last=
    if [ "$2" -gt 0 ] && read -r _start <"$_JOB/start"; then
        now
        _left=$((_start + $2 - _now))
        [ "$_left" -gt 10 ] || _left=10
        [ "$_left" -gt "$_wait" ] || _wait=$_left _last=1
    fi
    # Where there is no fifo yet, another request is just starting the job.
    over "$((_wait / 100)).$((_wait / 10 % 10))$((_wait % 10))" || sleep 0.1
    if [ -n "$_last" ] && [ ! -s "$_JOB/rc" ]; then
        echo >"$_JOB/expired"
        finish
    fi
}

# report OUT ERR: how the job stands. Each stream's new bytes from the offset given,
# where one is given, and what to keep of it once the job has ended.
report() {
    summary
    [ -s "$_JOB/out" ] || [ -s "$_JOB/err" ] || return 0
    sizes
    stream out "$_out_size" "$1"
    stream err "$_err_size" "$2"
}

# sizes: the bytes of each stream so far. The program that has opened the files for their
# cats learns it from the system without a process.
sizes() {
    if [ -n "${_opened-}" ] && read -r _ _out_size <"/proc/$$/fdinfo/3"; then
        read -r _ _err_size <"/proc/$$/fdinfo/4"
        return
    fi
    # shellcheck disable=SC2046 # two numbers
    set -- $(stat -c %s "$_JOB/out" "$_JOB/err")
    _out_size=$1 _err_size=$2
}

# summary: its state and its age, a line each.
summary() {
    _over=
    if [ -s "$_JOB/rc" ]; then
        read -r _code _now _open <"$_JOB/rc"
        put exit "$_code"
        _over=yes
    else
        now
        # After a stop of the sandbox there is no supervisor any more. (One that has just
        # ended has written rc.)
        if read -r _pid <"$_JOB/supervisor" && ! kill -0 "$_pid" && [ ! -s "$_JOB/rc" ]; then
            put lost yes
            _over=yes
        fi
    fi
    read -r _start <"$_JOB/start" && put duration "$((_now - _start))"
    [ ! -e "$_JOB/expired" ] || put expired yes
}

# stream NAME SIZE OFFSET
stream() {
    put "$1_size" "$2"
    if [ -n "$3" ] && [ "$2" -gt "$3" ]; then
        _from=$(($2 > $3 + _LIMIT ? $2 - _LIMIT : $3))
        put "$1_from" "$_from"
        tail -c "+$((_from + 1))" "$_JOB/$1" | head -c "$(($2 - _from))" | put_bytes "$1_new"
    fi
    [ -n "$_over" ] || return 0
    if [ "$2" -gt "$_LIMIT" ]; then
        _half=$((_LIMIT / 2))
        {
            head -c $_half "$_JOB/$1"
            tail -c "+$(($2 - _half + 1))" "$_JOB/$1" | head -c $_half
        } | put_bytes "$1"
    elif [ -n "$_open" ]; then
        # A process left behind may still be writing: what comes after SIZE is not ours.
        head -c "$2" "$_JOB/$1" | put_bytes "$1"
    elif [ "$2" -gt 0 ]; then
        put_plain "$1" "$2" <"$_JOB/$1" || put_bytes "$1" <"$_JOB/$1"
    fi
}
