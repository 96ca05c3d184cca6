# shellcheck shell=sh
# The life of a job, for the programs that start, watch and end one.
#
# Its files lie side by side in our folder. The one that has the job's name is the claim, with the
# process that starts the job; the names of the others begin with it and a dot:
#
#   command     the text
#   start       when it began, in hundredths of a second of uptime
#   leader      the process of the command, which leads a session of its own
#   1, 2        fifos that the command writes to; a dd each fills out and err
#   0           a fifo that an interactive command reads
#   in.N        the text that was sent as the Nth; empty once it is in the fifo
#   more        a fifo that the feeder, which fills 0, waits on when it has caught up
#   eof         nothing more will be sent
#   deaf        the feeder has gone: nobody reads, or there is no more to come
#   supervisor  the process that waits for the command and writes exit
#   unnamed     the disk was too full to write that down
#   done        a fifo that the supervisor holds open, as 9, until the command has ended
#   wake        a fifo that the request which started the job waits on
#   exit        "exit-code ended-at"
#   copied.out, copied.err  what dd says of how much it has copied
#   drained     all that was printed is in out and err, and nothing follows; their sizes
#   sealed      all that the command printed is; what it left running may print on
#   full        the disk was full, and output was lost
#   stopped     a stream has reached its bound, and output was lost
#   killed      it was ended on request
#   expired     the time limit came before the end of the command
#   stubborn    processes of it could not be ended
#
# In: _LIMIT (bytes of a stream in one reply). Set by the program: $_id, the job's name, and
# $_job, the path of its claim.

. ./text.sh

now() {
    if read -r _now _ </proc/uptime; then
        _now=$((${_now%.*}00 + 1${_now#*.} - 100)) # 08 is no number
    else
        _now=$(date +%s)00
    fi
}

# claim_job: the job is ours, and nobody else's. The shell itself makes the file, which must not
# be there yet.
claim_job() {
    set -C
    true >"$_job"
    set +C -- $?
    [ "$1" != 0 ] || echo $$ 1<>"$_job" # on a full disk it stays empty
    return "$1"
}

# remove_job: as if it had never been.
remove_job() { rm -rf "$_job" "$_job".*; }

# note NAME: make a file that says something by being there. A command can put anything in the
# place of its own job's files; an opening like this one never waits, not even for a fifo.
note() { true 1<>"$_job.$1"; }

# is_file NAME: it is a file, and nothing in its place that has no end.
is_file() { [ -f "$_job.$1" ]; }

# is_number WORD: sh can calculate with it. A command can write anything into its own job's files.
is_number() { case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac; }

# find_start: sets $_start, when it began; long ago if that was overwritten.
find_start() {
    is_file start && read -r _start <"$_job.start" || return
    is_number "$_start" || _start=0
}

# is_supervised: the process that waits for the command is there. A sandbox that is started again
# gives out the same numbers: the fifo tells it from another, if we may look.
is_supervised() {
    is_file supervisor && read -r _supervisor <"$_job.supervisor" && kill -0 "$_supervisor" || return
    [ ! -e "/proc/$_supervisor/fd/1" ] || [ "/proc/$_supervisor/fd/9" -ef "$_job.done" ]
}

# find_leader: sets $_leader, if it is the command's and not another's by now.
find_leader() {
    is_file leader && read -r _leader <"$_job.leader" || return
    is_supervised || [ ! -e /proc/self ] ||
        grep -q "DAYTONA_TOOLKIT_JOB=$_id" "/proc/$_leader/environ"
}

# has_ended: the command has. A command can write into its own job's files, so this looks twice.
has_ended() { is_file exit && [ -s "$_job.exit" ]; }

# is_over: it has ended, or cannot be ended.
is_over() { has_ended || [ -e "$_job.stubborn" ]; }

# is_complete: all that it printed has arrived.
is_complete() { [ -e "$_job.drained" ] || [ -e "$_job.sealed" ]; }

# is_named: the supervisor has been written down, or there was no space for it.
is_named() { is_file supervisor && [ -s "$_job.supervisor" ] || [ -e "$_job.unnamed" ]; }

# is_lost: nobody waits for the command any more, as after a stop of the sandbox, or nobody will.
is_lost() {
    ! has_ended || return
    now
    find_start || return
    [ "$_now" -ge "$_start" ] || return 0 # the clock has begun anew
    if is_named; then
        [ ! -e "$_job.unnamed" ] && ! is_supervised && ! has_ended
    else
        # What was to start the supervisor has gone. It may have done so while we looked.
        [ ! -s "$_job.leader" ] && [ -f "$_job" ] && read -r _pid <"$_job" &&
            ! kill -0 "$_pid" && ! is_named
    fi
}

# members: the processes of the job. A session holds them together; one that left it (setsid,
# a daemon) still carries the mark in its environment. Once the command has ended, its
# session's number may become another's: then the mark alone counts.
members() {
    if ! has_ended && find_leader; then
        for _stat in /proc/[0-9]*/stat; do
            read -r _line <"$_stat" || continue
            _pid=${_stat#/proc/}
            # The name may hold blanks and brackets: the fields start behind it.
            # shellcheck disable=SC2086 # splitting into fields is the point
            set -- ${_line##*) }
            [ "$4" != "$_leader" ] || [ "$1" = Z ] || echo "${_pid%/stat}"
        done
    fi
    grep -l "DAYTONA_TOOLKIT_JOB=$_id" /proc/[0-9]*/environ | while IFS=/ read -r _ _ _pid _; do
        echo "$_pid"
    done
}

# signal_group NAME: to the processes that never left the command's group. It needs no /proc.
signal_group() {
    ! has_ended && find_leader && kill -s "$1" -- "-$_leader"
}

# kill_job: end every process of the job, those that ignore TERM after two seconds. A job that
# was claimed a moment ago has no process yet, so this looks until the command has ended.
kill_job() {
    note killed
    # The command may have stopped what waits for it.
    ! is_supervised || kill -s CONT "$_supervisor"
    signal_group TERM
    _told=' '
    _rounds=0 _kills=0
    now
    _since=$_now
    while _pids=$(members) && [ -n "$_pids" ] || ! { has_ended || is_lost; }; do
        # By the clock, because a look at many processes takes longer than the pauses.
        now
        if [ $((_now - _since)) -ge 200 ]; then
            [ "$_kills" -lt 3 ] || [ $((_now - _since)) -lt 270 ] || {
                note stubborn
                return
            }
            signal_group KILL
            _kills=$((_kills + 1))
        fi
        for _pid in $_pids; do
            case $_kills:$_told in
            0:*" $_pid "*) ;;
            0:*) kill -s TERM "$_pid" ;;
            *) kill -s KILL "$_pid" ;;
            esac
            _told="$_told$_pid "
        done
        # The first pauses are short: most end at once.
        if [ "$_rounds" -lt 4 ]; then sleep 0.01; else sleep 0.05; fi
        _rounds=$((_rounds + 1))
    done
}

# expire LIMIT: end the job if it has run for that many hundredths of a second (0: never).
expire() {
    [ "$1" != 0 ] && ! is_over || return 0
    now
    find_start || return 0
    # A request for the last few hundredths would take longer than they do.
    [ $((_start + $1 - _now)) -le 5 ] || return 0
    note expired
    kill_job
}

# set_wait WAIT LIMIT: sets $_wait, how long this request waits; all in hundredths.
set_wait() {
    _wait=$1
    [ "$2" != 0 ] && find_start || return 0
    now
    _left=$((_start + $2 - _now))
    [ "$_left" -gt 5 ] || _left=5
    [ "$_left" -ge "$_wait" ] || _wait=$_left
}

# set_time HUNDREDTHS: sets $_time, as sleep and timeout take it.
set_time() { _time=$(($1 / 100)).$(($1 / 10 % 10))$(($1 % 10)); }

# know_sizes: sets $_size_out and $_size_err, unless more may come.
know_sizes() {
    is_file drained && read -r _size_out _size_err <"$_job.drained" || return
    case $_size_out:$_size_err in *[!0-9:]* | *:) return 1 ;; esac
}

# find_sizes: sets them in any case. As long as more may come, it takes a process.
find_sizes() {
    ! know_sizes || return 0
    # shellcheck disable=SC2046 # two numbers
    set -- $(LC_ALL=C stat -c %s "$_job.out" "$_job.err")
    [ $# = 2 ] || set -- 0 0 # they were removed
    _size_out=$1 _size_err=$2
}

# has_news OUT ERR: there is output after these offsets.
has_news() {
    find_sizes
    [ "$_size_out" -gt "$1" ] || [ "$_size_err" -gt "$2" ]
}

# await_output: wait until all that the command printed has arrived. A process that it left behind
# may hold its pipes open for ever. Then a line goes through each pipe that still has a reader,
# behind all that the command printed: when it is in the file, so is the rest.
await_output() {
    for _pause in 0.005 0.015 0.04; do
        ! is_complete || return 0
        sleep "$_pause"
    done
    _seal="[$_id: the command ended here; what follows was printed by what it left running]"
    for _stream in 1:out 2:err; do
        is_file "${_stream#*:}" || continue
        # Opening a fifo that nobody reads would wait for ever.
        # shellcheck disable=SC2016 # sh expands it
        LC_ALL=C timeout 0.5 sh -c 'printf "\n%s\n" "$1" >"$2"' sh "$_seal" \
            "$_job.${_stream%:*}" || continue
        _try=0
        while [ "$_try" -lt 40 ] && ! grep -qF "$_seal" "$_job.${_stream#*:}"; do
            sleep 0.05
            _try=$((_try + 1))
        done
    done
    note sealed
}

# await_done WAIT LIMIT FOLLOW OUT ERR: wait until the command has ended, or the request has waited
# long enough. With FOLLOW, output after these offsets ends the wait as well, after 0.45 seconds at
# the earliest: it is seen within half a second, and costs two requests a second.
await_done() {
    [ -p "$_job.done" ] || {
        sleep 0.1 # another request is about to start the job
        return
    }
    set_wait "$1" "$2"
    _waited=0 _slice=$_wait
    [ -z "$3" ] || _slice=45
    # For a moment we hold the fifo open to write as well, so that opening it to read does not
    # wait for a supervisor that is no more. The fifo is open before we look for the end, so an
    # end that comes after the look closes it.
    # shellcheck disable=SC2094 # a fifo
    command exec 6<>"$_job.done" 5<"$_job.done" 6>&- || return
    while [ "$_waited" -lt "$_wait" ] && ! is_over; do
        [ $((_waited + _slice)) -lt "$_wait" ] || _slice=$((_wait - _waited))
        set_time "$_slice"
        LC_ALL=C timeout "$_time" cat <&5
        _waited=$((_waited + _slice))
        [ -z "$3" ] || ! has_news "$4" "$5" || break
        _slice=15
    done
    exec 5<&-
}

# conclude LIMIT: end a job whose time is over, and complete the output of one that has ended.
conclude() {
    expire "$1"
    ! has_ended || await_output
}

# report OUT ERR: how the job stands. Each stream's new bytes from the offset given, where one
# is given, and what to keep of it once the job is over. If all of it is new then, that is enough.
report() {
    report_state
    if [ -n "$_over" ] && is_file stood; then
        put_path stood
        ! is_file astray || put_path astray
        ! is_file cwd || [ ! -e "$_job.handed" ] || put_path cwd
    fi
    [ -s "$_job.out" ] || [ -s "$_job.err" ] || return 0
    find_sizes
    report_stream out "$_size_out" "$1"
    report_stream err "$_size_err" "$2"
}

# put_path NAME: a path that the job keeps in a file, without a process if it is a plain one.
put_path() {
    IFS= read -r _line <"$_job.$1"
    put_text "$1" "${#_line}" <"$_job.$1" || put_bytes "$1" <"$_job.$1"
}

# report_state: its state and its age, a line each.
report_state() {
    _over=
    if has_ended; then
        read -r _code _now _ <"$_job.exit"
        is_number "$_now" || now
        put exit "$_code"
        [ ! -e "$_job.full" ] || put full yes
        [ ! -e "$_job.stopped" ] || put stopped yes
        _over=yes
    elif [ -e "$_job.stubborn" ]; then
        now
        put stubborn yes
        _over=yes
    elif is_lost; then
        put lost yes
        _over=yes
    else
        now
    fi
    find_start && put duration $((_now > _start ? _now - _start : 0))
    [ ! -e "$_job.expired" ] || put expired yes
}

# report_stream NAME SIZE OFFSET
report_stream() {
    put "$1_size" "$2"
    if [ -n "$3" ] && [ "$2" -gt "$3" ] && [ "$_over$3" != yes0 ]; then
        _from=$(($2 > $3 + _LIMIT ? $2 - _LIMIT : $3))
        put "$1_from" "$_from"
        tail -c "+$((_from + 1))" "$_job.$1" | head -c "$(($2 - _from))" | put_bytes "$1_new"
    fi
    [ -n "$_over" ] || return 0
    if [ "$2" -gt "$_LIMIT" ]; then
        _half=$((_LIMIT / 2))
        {
            head -c "$_half" "$_job.$1"
            tail -c "+$(($2 - _half + 1))" "$_job.$1" | head -c "$_half"
        } | put_bytes "$1"
    elif [ ! -e "$_job.drained" ]; then
        # Something may still be writing: what comes after SIZE is not in the reply.
        head -c "$2" "$_job.$1" | put_bytes "$1"
    elif [ "$2" -gt 0 ]; then
        put_text "$1" "$2" <"$_job.$1" || put_bytes "$1" <"$_job.$1"
    fi
}
