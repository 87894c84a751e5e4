//! The scenarios. Each runs over some thousand schedules; docs/development.md explains how to run more of them, and how to
//! reproduce a failure.

mod pulls {
    use model::pulls;

    #[test]
    fn every_event_comes_once_and_in_order() {
        pulls::every_event_comes_once_and_in_order();
    }

    #[test]
    fn a_lost_batch_is_sent_again() {
        pulls::a_lost_batch_is_sent_again();
    }

    #[test]
    fn a_pull_may_arrive_twice() {
        pulls::a_pull_may_arrive_twice();
    }

    #[test]
    fn reading_ahead_loses_and_repeats_nothing() {
        pulls::reading_ahead_loses_and_repeats_nothing();
    }

    #[test]
    fn a_subscription_has_an_exact_beginning_and_end() {
        pulls::a_subscription_has_an_exact_beginning_and_end();
    }
}

mod pages {
    use model::pages;

    #[test]
    fn a_wait_for_a_page_ends_once() {
        pages::a_wait_for_a_page_ends_once();
    }

    #[test]
    fn a_will_comes_once_or_not_at_all() {
        pages::a_will_comes_once_or_not_at_all();
    }
}

mod receipts {
    use model::receipts;

    #[test]
    fn a_wait_for_outcomes_ends_once() {
        receipts::a_wait_for_outcomes_ends_once();
    }

    #[test]
    fn the_time_of_an_outcome_ends_once() {
        receipts::the_time_of_an_outcome_ends_once();
    }

    #[test]
    fn a_page_is_told_once() {
        receipts::a_page_is_told_once();
    }
}

mod room {
    use model::room;

    #[test]
    fn waiters_emit_in_the_order_of_their_calls() {
        room::waiters_emit_in_the_order_of_their_calls();
    }

    #[test]
    fn an_emit_that_does_not_wait_overtakes_no_waiter() {
        room::an_emit_that_does_not_wait_overtakes_no_waiter();
    }

    #[test]
    fn the_end_of_a_page_makes_room() {
        room::the_end_of_a_page_makes_room();
    }

    #[test]
    fn the_end_of_a_window_makes_room() {
        room::the_end_of_a_window_makes_room();
    }

    #[test]
    fn another_page_in_its_place_makes_room() {
        room::another_page_in_its_place_makes_room();
    }

    #[test]
    fn the_end_of_the_last_subscription_makes_room() {
        room::the_end_of_the_last_subscription_makes_room();
    }

    #[test]
    fn the_end_of_a_subscription_frees_other_names() {
        room::the_end_of_a_subscription_frees_other_names();
    }

    #[test]
    fn a_full_page_holds_up_only_its_own_events() {
        room::a_full_page_holds_up_only_its_own_events();
    }

    #[test]
    fn a_reader_of_a_stream_makes_room() {
        room::a_reader_of_a_stream_makes_room();
    }

    #[test]
    fn the_end_of_a_stream_makes_room() {
        room::the_end_of_a_stream_makes_room();
    }

    #[test]
    fn a_waiter_for_two_queues_waits_for_both() {
        room::a_waiter_for_two_queues_waits_for_both();
    }

    #[test]
    fn the_end_of_the_app_ends_waiting() {
        room::the_end_of_the_app_ends_waiting();
    }

    #[test]
    fn a_cancelled_waiter_blocks_nobody() {
        room::a_cancelled_waiter_blocks_nobody();
    }
}

mod consumers {
    use model::consumers;

    #[test]
    fn a_stream_yields_every_event() {
        consumers::a_stream_yields_every_event();
    }

    #[test]
    fn a_stream_ends_with_the_app() {
        consumers::a_stream_ends_with_the_app();
    }

    #[test]
    fn a_stream_may_be_dropped_at_any_time() {
        consumers::a_stream_may_be_dropped_at_any_time();
    }

    #[test]
    fn a_waker_may_emit() {
        consumers::a_waker_may_emit();
    }

    #[test]
    fn listeners_are_called_in_order() {
        consumers::listeners_are_called_in_order();
    }

    #[test]
    fn a_listener_may_do_anything() {
        consumers::a_listener_may_do_anything();
    }
}

mod sessions {
    use model::sessions;

    #[test]
    fn a_command_that_arrives_twice_runs_once() {
        sessions::a_command_that_arrives_twice_runs_once();
    }

    #[test]
    fn the_end_of_a_page_completes_its_commands() {
        sessions::the_end_of_a_page_completes_its_commands();
    }

    #[test]
    fn the_end_of_a_page_completes_its_pulls() {
        sessions::the_end_of_a_page_completes_its_pulls();
    }

    #[test]
    fn a_pull_is_not_held_for_too_long() {
        sessions::a_pull_is_not_held_for_too_long();
    }

    #[test]
    fn a_pull_after_an_event_is_not_held_for_too_long() {
        sessions::a_pull_after_an_event_is_not_held_for_too_long();
    }

    #[test]
    fn an_abandoned_page_ends() {
        sessions::an_abandoned_page_ends();
    }
}

mod streams {
    use model::streams;

    #[test]
    fn every_part_comes_once_and_in_order() {
        streams::every_part_comes_once_and_in_order();
    }

    #[test]
    fn a_stream_ends_once() {
        streams::a_stream_ends_once();
    }

    #[test]
    fn a_dropped_reader_ends_its_responder() {
        streams::a_dropped_reader_ends_its_responder();
    }
}

mod channels {
    use model::channels;

    #[test]
    fn the_host_reads_every_part() {
        channels::the_host_reads_every_part();
    }

    #[test]
    fn a_channel_ends_with_its_page() {
        channels::a_channel_ends_with_its_page();
    }
}

mod requests {
    use model::requests;

    #[test]
    fn a_request_ends_once() {
        requests::a_request_ends_once();
    }

    #[test]
    fn a_request_finds_a_simultaneous_responder() {
        requests::a_request_finds_a_simultaneous_responder();
    }

    #[test]
    fn a_page_learns_of_a_cancelled_request() {
        requests::a_page_learns_of_a_cancelled_request();
    }

    #[test]
    fn a_host_responder_leaves_no_caller_waiting() {
        requests::a_host_responder_leaves_no_caller_waiting();
    }
}

mod jobs {
    use model::jobs;

    #[test]
    fn a_page_of_another_origin_finds_no_jobs() {
        jobs::a_page_of_another_origin_finds_no_jobs();
    }

    #[test]
    fn a_closed_window_has_no_jobs() {
        jobs::a_closed_window_has_no_jobs();
    }

    #[test]
    fn a_clock_that_jumps_gives_no_storm() {
        jobs::a_clock_that_jumps_gives_no_storm();
    }

    #[test]
    fn a_stopped_job_ticks_no_more() {
        jobs::a_stopped_job_ticks_no_more();
    }

    #[test]
    fn the_first_listener_starts_an_idle_job() {
        jobs::the_first_listener_starts_an_idle_job();
    }

    #[test]
    fn a_stopped_job_discards_a_pending_payload() {
        jobs::a_stopped_job_discards_a_pending_payload();
    }

    #[test]
    fn a_paused_job_discards_a_pending_payload() {
        jobs::a_paused_job_discards_a_pending_payload();
    }
}
