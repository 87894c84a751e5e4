//! The scenarios, and what each shows. Every one is run over some thousand schedules; CONTRIBUTING.md says how to run more
//! of them, and how to see a failure again.

mod pulls {
    use model::pulls;

    #[test]
    fn every_event_comes_once_and_in_order() {
        pulls::every_event_comes_once_and_in_order();
    }

    #[test]
    fn a_lost_answer_is_repeated() {
        pulls::a_lost_answer_is_repeated();
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

mod room {
    use model::room;

    #[test]
    fn all_who_wait_emit_in_the_order_of_their_calls() {
        room::all_who_wait_emit_in_the_order_of_their_calls();
    }

    #[test]
    fn those_who_do_not_wait_take_nobodys_turn() {
        room::those_who_do_not_wait_take_nobodys_turn();
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
    fn the_end_of_one_subscription_lets_others_names_through() {
        room::the_end_of_one_subscription_lets_others_names_through();
    }

    #[test]
    fn forgetting_what_is_retained_makes_room() {
        room::forgetting_what_is_retained_makes_room();
    }

    #[test]
    fn the_end_of_the_app_ends_the_waiting() {
        room::the_end_of_the_app_ends_the_waiting();
    }

    #[test]
    fn one_who_gives_up_holds_nobody_up() {
        room::one_who_gives_up_holds_nobody_up();
    }
}

mod inside {
    use model::inside;

    #[test]
    fn a_stream_yields_every_event() {
        inside::a_stream_yields_every_event();
    }

    #[test]
    fn a_stream_ends_with_the_app() {
        inside::a_stream_ends_with_the_app();
    }

    #[test]
    fn a_stream_may_be_dropped_at_any_time() {
        inside::a_stream_may_be_dropped_at_any_time();
    }

    #[test]
    fn a_waker_may_emit() {
        inside::a_waker_may_emit();
    }

    #[test]
    fn listeners_are_called_in_order() {
        inside::listeners_are_called_in_order();
    }

    #[test]
    fn a_listener_may_do_anything() {
        inside::a_listener_may_do_anything();
    }
}

mod sessions {
    use model::sessions;

    #[test]
    fn a_command_that_arrives_twice_runs_once() {
        sessions::a_command_that_arrives_twice_runs_once();
    }

    #[test]
    fn the_end_of_a_page_leaves_no_command_unanswered() {
        sessions::the_end_of_a_page_leaves_no_command_unanswered();
    }

    #[test]
    fn the_end_of_a_page_leaves_no_pull_unanswered() {
        sessions::the_end_of_a_page_leaves_no_pull_unanswered();
    }

    #[test]
    fn a_page_of_another_origin_finds_no_jobs() {
        sessions::a_page_of_another_origin_finds_no_jobs();
    }

    #[test]
    fn a_closed_window_has_no_jobs() {
        sessions::a_closed_window_has_no_jobs();
    }

    #[test]
    fn a_clock_that_jumps_gives_no_storm() {
        sessions::a_clock_that_jumps_gives_no_storm();
    }

    #[test]
    fn a_stopped_job_ticks_no_more() {
        sessions::a_stopped_job_ticks_no_more();
    }

    #[test]
    fn the_first_listener_starts_an_unheard_job() {
        sessions::the_first_listener_starts_an_unheard_job();
    }

    #[test]
    fn a_stopped_job_emits_nothing_that_is_still_made() {
        sessions::a_stopped_job_emits_nothing_that_is_still_made();
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

mod questions {
    use model::questions;

    #[test]
    fn a_question_ends_once() {
        questions::a_question_ends_once();
    }

    #[test]
    fn a_question_finds_a_responder_that_comes_with_it() {
        questions::a_question_finds_a_responder_that_comes_with_it();
    }

    #[test]
    fn a_page_is_told_of_what_was_given_up() {
        questions::a_page_is_told_of_what_was_given_up();
    }

    #[test]
    fn a_responder_in_rust_leaves_nobody_waiting() {
        questions::a_responder_in_rust_leaves_nobody_waiting();
    }
}
