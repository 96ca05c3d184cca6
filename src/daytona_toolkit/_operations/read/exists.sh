# shellcheck shell=sh
# exists: whether the path leads to something.
# In: those of path.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh

begin
# A folder is there, though it may not be entered.
if [ -z "$_CONFINE" ] && [ -e "$_PATH" ]; then
    put exists yes
    end
fi
enter "$_PATH"
[ ! -e "./$_name" ] || put exists yes
end
