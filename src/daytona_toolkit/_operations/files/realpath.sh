# shellcheck shell=sh
# realpath: a path without symlinks and `..`; what is missing counts as a plain name.
# In: those of path.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/inline.sh
. ../../_remote/path.sh

# Symlinks that are followed before it must be a loop. Loops of up to six end where they began.
_follow=120

begin
_real='' _rest=${_PATH#/}/
while [ -n "$_rest" ]; do
    _part=${_rest%%/*} _rest=${_rest#*/}
    case $_part in
    '' | .) ;;
    ..) _real=${_real%/*} ;;
    *)
        if [ -L "$_real/$_part" ] && [ "$_follow" -gt 0 ]; then
            _follow=$((_follow - 1))
            # The dot keeps newlines that end a name from being trimmed.
            _target=$(readlink -- "$_real/$_part" && echo .) || fail denied
            _target=${_target%??}
            case $_target in /*) _real= ;; esac
            _rest=$_target/$_rest
        else
            _real=$_real/$_part
        fi
        ;;
    esac
done
check_confined "$_real"
put_string real "${_real:-/}"
end
