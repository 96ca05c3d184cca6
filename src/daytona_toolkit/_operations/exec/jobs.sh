# shellcheck shell=sh
# jobs: every job that this sandbox knows.
# In: _STATE; _LIMIT (as job.sh takes it); _SHOWN (characters of each command).

. ../../_remote/frame.sh
. ./job.sh

# first_line FILE: the start of a command, without a process.
first_line() {
    IFS= read -r _line <"$1"
    printf "%.${_SHOWN}s\n" "$_line"
}

begin
cd -- "$_STATE" || end
for _start in job-*/start; do
    [ -e "$_start" ] || end
    _id=${_start%/start} _job=$_STATE/$_id
    # shellcheck disable=SC2046 # the lines of the report become words of one
    put "$_id" $(report_state)
done
stat -c '%n %s %Y' job-*/start job-*/out job-*/err | put_bytes files
for _start in job-*/start; do first_line "${_start%start}command"; done | put_bytes commands
end
