# shellcheck shell=sh
# read_ranges: ranges of files.
# In: those of path.sh; _PATHS (words); _RANGES (FROM LENGTH for each, a line each).

. ../../_remote/frame.sh
. ../../_remote/path.sh

# put_range INDEX PATH FROM LENGTH
put_range() (
    fail() { exit; }
    enter "$2"
    open_regular
    if [ "$3" = 0 ]; then
        head -c "$4" "$_source"
    else
        tail -c "+$(($3 + 1))" "$_source" | head -c "$4"
    fi | put_bytes "r$1"
)

put_ranges() {
    _index=0
    while read -r _from _length; do
        put_range "$_index" "$1" "$_from" "$_length"
        shift
        _index=$((_index + 1))
    done <<RANGES
$_RANGES
RANGES
}

begin
eval "put_ranges $_PATHS"
end
