# shellcheck shell=sh
# survey: what is there already of the files that shall be put somewhere.
# In: _STATE; those of confined.sh; the function folders, made of calls of within.

. ./frame.sh
. ./path.sh

# within INDEX: the size, the mode and the sum of those files _NAMES (in base64, a NUL behind
# each) that are in the folder _WITHIN; of folders there is no sum.
# shellcheck disable=SC2016 # sh expands it
within() (
    fail() { exit; }
    enter "$_WITHIN/"
    _found=$(printf %s "$_NAMES" | base64 -d | xargs -0 -r sh -c '
        for _file; do
            [ -z "$_CONFINE" ] || [ ! -L "./$_file" ] || continue
            { [ ! -f "./$_file" ] && [ ! -d "./$_file" ]; } || printf "./%s\0" "$_file"
        done' sh | base64)
    [ -n "$_found" ] || exit
    echo "$_found" | base64 -d | xargs -0 stat -L -c '%f %s %Y %n//' | put_bytes "entries.$1"
    echo "$_found" | base64 -d | xargs -0 sha256sum | put_bytes "sums.$1"
)

begin
export _CONFINE
(
    cd "$_STATE" || exit
    # What others began to send and never finished does not stay for ever.
    find . -name 'part-*' -mtime +0 -exec rm -f {} +
    find . -name 'part-*' -exec stat -c '%n %s' {} +
) | put_bytes parts
folders
end
