# shellcheck shell=sh
# jobs: the state of every job in this sandbox.
# In: _STATE; _LIMIT (as job.sh takes it); _SHOWN (characters of each command).

. ../../_remote/frame.sh
. ./job.sh

# put_first_line NAME FILE: the start of a command; without a process, if its characters are
# ordinary ones.
put_first_line() {
    _line=
    [ ! -f "$2" ] || IFS= read -r _line <"$2"
    case $_line in
    *[!\ -~]*) printf "%.${_SHOWN}s" "$_line" | put_bytes "$1" ;;
    *) printf "%s|\n;%.${_SHOWN}s\n.\n" "$1" "$_line" ;;
    esac
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
export LC_ALL=C
stat -c '%n %s %Y' job-*.start job-*.out job-*.err
for _start in job-*.start; do
    put_first_line "${_start%start}command" "${_start%start}command"
done
end
