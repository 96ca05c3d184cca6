# shellcheck shell=sh
# fetch: all bytes of a file, up to a bound.
# In: those of confined.sh; _PATH; _BYTES.

. ./frame.sh
. ./path.sh

begin
enter "$_PATH"
regular
_size=$(wc -c <"$_source")
put size $((_size))
[ "$_size" -gt "$_BYTES" ] || put_bytes content <"$_source"
end
