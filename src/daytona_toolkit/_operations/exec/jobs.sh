# shellcheck shell=sh
# jobs: the state of every job in this sandbox.
# In: _STATE; _LIMIT (as job.sh takes it); _SHOWN (characters of each command).

. ../../_remote/frame.sh
. ../../_remote/inline.sh
. ./job.sh

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
export LC_ALL=C
stat -c '%n %s %Y' job-*.start job-*.out job-*.err
for _start in job-*.start; do
    _command=${_start%start}command _line=
    [ ! -f "$_command" ] || IFS= read -r _line <"$_command"
    put_string "$_command" "$_line" "$_SHOWN"
done
end
