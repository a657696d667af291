"""The engine: accepts generations, keeps runners alive, tells every watcher what happens."""
