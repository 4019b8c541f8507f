"""Runs a script's tests one by one, and tells how each went."""
import sys, time, traceback


def run(tests):
    """Prints "N passed, N failed" at the end; the exit code is 0 only if none failed."""
    passed = failed = 0
    for test in tests:
        start = time.monotonic()
        try:
            test()
            passed += 1
            print(f"good  {test.__name__} {time.monotonic() - start:.1f} s", flush=True)
        except Exception as error:
            failed += 1
            own = test.__code__.co_filename
            where = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
            print(f"BAD   {test.__name__}: {type(error).__name__}: {error} (lines {where})", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)
