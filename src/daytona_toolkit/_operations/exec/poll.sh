# shellcheck shell=sh
# poll: wait a while for a job to end, and report its state; or kill it.
#
# In: those of job.sh; _STATE; _JOB (its name); _WINDOW, _TIMEOUT, _FOLLOW, _OUT, _ERR (as for
#     start); _KILL (yes or empty); _SHOWN (bytes of the command wanted, or empty).

. ../../_remote/frame.sh
. ./job.sh

begin
_id=$_JOB _job=$_STATE/$_JOB
if [ -n "$_KILL" ]; then
    # A job that is cancelled before its start arrives must not start afterwards.
    claim_job && fail nojob
    [ -e "$_job.start" ] || sleep 0.1 # its start is under way
    kill_job
elif [ "$_WINDOW" != 0 ]; then
    await_done "$_WINDOW" "$_TIMEOUT" "$_FOLLOW" "$_OUT" "$_ERR"
fi
is_file start || fail nojob
conclude "$_TIMEOUT"
report "$_OUT" "$_ERR"
[ -z "$_SHOWN" ] || ! is_file command || head -c "$_SHOWN" "$_job.command" | put_bytes command
end
