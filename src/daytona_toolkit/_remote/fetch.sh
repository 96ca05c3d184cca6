# shellcheck shell=sh
# fetch: all bytes of a file, up to a bound.
# In: those of confined.sh and whole.sh; _PATH.

. ./frame.sh
. ./path.sh
. ./whole.sh

begin
enter "$_PATH"
regular
put_whole
end
