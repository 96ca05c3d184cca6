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
_growing= # files that have no size yet which stays
for _start in job-*.start; do
    [ -e "$_start" ] || continue # it was removed just now, or there is none
    _id=${_start%.start} _job=$_id _report='' _line=''
    report_state
    put begun "$_start" # the time of the file is in seconds
    if know_sizes; then
        put out "$_size_out" err "$_size_err"
    else
        _growing="$_growing $_id.out $_id.err"
    fi
    printf '%s\n' "$_id$_report"
    ! is_file command || IFS= read -r _line <"$_id.command"
    put_string "$_id.command" "$_line" "$_SHOWN"
done
# shellcheck disable=SC2086 # words
LC_ALL=C stat -c '%n %Y %s' job-*.start $_growing
end
