package store

import "sync"

// worker runs jobs one after another in the background.
type worker struct {
	mu     sync.Mutex
	jobs   []func()
	closed bool
	wake   chan struct{} // capacity 1
	ended  chan struct{}
}

func startWorker() *worker {
	w := &worker{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go w.loop()
	return w
}

// do queues a job.
func (w *worker) do(job func()) {
	w.mu.Lock()
	w.jobs = append(w.jobs, job)
	w.mu.Unlock()
	signal(w.wake)
}

// stop waits until all jobs are done and ends the worker. It may be called
// again.
func (w *worker) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	signal(w.wake)
	<-w.ended
}

func (w *worker) loop() {
	defer close(w.ended)
	for range w.wake {
		for {
			w.mu.Lock()
			jobs, closed := w.jobs, w.closed
			w.jobs = nil
			w.mu.Unlock()
			if len(jobs) == 0 {
				if closed {
					return
				}
				break
			}
			for _, job := range jobs {
				job()
			}
		}
	}
}

// signal wakes who waits at a channel of capacity 1.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
