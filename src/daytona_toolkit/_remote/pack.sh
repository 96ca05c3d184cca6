# shellcheck shell=sh
# pack: ranges of files.
# In: those of confined.sh; the function files, made of calls of give.

. ./frame.sh
. ./path.sh

# give INDEX FROM LENGTH: a range of the file _PATH.
give() (
    fail() { exit; }
    enter "$_PATH"
    regular
    tail -c "+$(($2 + 1))" "$_source" | head -c "$3" | put_bytes "$1"
)

begin
files
end
