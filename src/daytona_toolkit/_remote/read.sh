# shellcheck shell=sh
# read: a window of a file; all of it where it is small.
# In: those of confined.sh; _PATH; _OFFSET, _LINES (the window), _BYTES (its size), _CLIP
#     (bytes kept of a line), _IMAGE (bytes of the largest picture).

. ./frame.sh
. ./path.sh

begin
enter "$_PATH"
regular
_size=$(wc -c <"$_source")
put size $((_size))
if [ "$_size" -le "$_BYTES" ]; then
    put_bytes content <"$_source"
    end
fi
# PNG, JPEG, GIF and WebP, by how their first bytes look in base64.
case $(head -c 12 "$_source" | base64) in
iVBORw0KGgo* | /9j/* | R0lGOD* | UklGR*RUJQ)
    put image yes
    [ "$_size" -gt "$_IMAGE" ] || put_bytes content <"$_source"
    end
    ;;
esac
put newlines $(($(wc -l <"$_source")))
[ -n "$(tail -c 1 "$_source")" ] || put closed yes
tail -n "+$_OFFSET" "$_source" | head -n "$_LINES" | cut -b "1-$_CLIP" | head -c "$_BYTES" | put_bytes window
end
