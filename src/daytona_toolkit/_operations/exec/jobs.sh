# shellcheck shell=sh
# jobs: the state of every job in this sandbox.
# In: _STATE; _LIMIT (as job.sh takes it); _SHOWN (characters of each command).

. ../../_remote/frame.sh
. ./job.sh

# first_line FILE: the start of a command, without a process.
first_line() {
    _line=
    [ ! -f "$1" ] || IFS= read -r _line <"$1"
    printf "%.${_SHOWN}s\n" "$_line"
}

# put WORDS: in the line of a job, and not in one of their own.
put() { _report="$_report $*"; }

begin
cd -- "$_STATE" || end
for _start in job-*.start; do
    [ -e "$_start" ] || end
    _id=${_start%.start} _job=$_STATE/$_id _report=
    report_state
    printf '%s\n' "$_id$_report"
done
LC_ALL=C stat -c '%n %s %Y' job-*.start job-*.out job-*.err
for _start in job-*.start; do first_line "${_start%start}command"; done | put_bytes commands
end
