# shellcheck shell=sh
# poll: wait for a job's end a while, and say how it stands; or end it.
#
# In: those of job.sh; _WINDOW, _TIMEOUT (as await takes them); _OUT, _ERR (as report
#     takes them); _KILL (yes or empty); _SHOWN (bytes of the command wanted, or empty).

. ./frame.sh
. ./job.sh

begin
if [ ! -d "$_JOB" ]; then
    # A job that is cancelled before its start arrives must not start afterwards.
    [ -z "$_KILL" ] || mkdir -p "$_JOB"
    fail nojob
fi
if [ -n "$_KILL" ]; then
    finish
elif [ "$_WINDOW" != 0 ]; then
    await "$_WINDOW" "$_TIMEOUT"
fi
report "$_OUT" "$_ERR"
[ -z "$_SHOWN" ] || head -c "$_SHOWN" "$_JOB/command" | put_bytes command
end
