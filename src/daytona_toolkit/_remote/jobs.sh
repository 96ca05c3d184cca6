# shellcheck shell=sh
# jobs: every job that this sandbox knows, oldest first.
# In: _STATE, _SHOWN (bytes of each command).

. ./frame.sh
. ./job.sh

begin
cd -- "$_STATE" || end
# Names of our own making: no blanks in them.
# shellcheck disable=SC2012
_jobs=$(ls -tr | while read -r _ID; do
    case $_ID in
    job-*) [ ! -e "$_ID/start" ] || echo "$_ID" ;;
    esac
done)
# shellcheck disable=SC2086 # a word a job
put jobs $_jobs
for _ID in $_jobs; do
    _JOB=$_STATE/$_ID
    # shellcheck disable=SC2046 # two numbers
    set -- $(stat -c %s "$_JOB/out" "$_JOB/err")
    # shellcheck disable=SC2046 # the lines of the summary become words of one
    put "$_ID" $(summary) out "${1:-0}" err "${2:-0}"
    head -c "$_SHOWN" "$_JOB/command" | put_bytes "$_ID.command"
done
end
